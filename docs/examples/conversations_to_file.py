"""Write many conversations to a file of JSON Lines, and read the file in the next task."""

import json

from airflow.sdk import ObjectStoragePath, Param, dag, task

from airflow_provider_xchat.operators.xchat import GetChatConversationsOperator


@dag(
    schedule=None, params={"folder": Param("/tmp/xchat", type="string", description="A path, or a URL such as s3://…")}
)
def conversations_to_file():
    written = GetChatConversationsOperator(
        task_id="write",
        conversation_ids=["g9000000000000000201", "g9000000000000000202"],
        chat_conversation_fields=["group_name"],
        expansions=["member_ids"],
        output_path="{{ params.folder }}/conversations.jsonl",
    )

    @task
    def members(result):
        with ObjectStoragePath(result["path"]).open() as file:
            lines = [json.loads(line) for line in file]
        return {line["conversation_id"]: len(line["answer"]["data"][0]["member_ids"]) for line in lines}

    members(written.output)


conversations_to_file()
