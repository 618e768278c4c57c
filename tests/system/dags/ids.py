"""Ids as DAG authors hand them over."""

from airflow.sdk import chain, dag

from airflow_provider_xchat.operators.xchat import GetChatConversationOperator, MarkConversationReadOperator


def templated():
    return [
        GetChatConversationOperator(
            task_id="get",
            conversation_id="{{ params.conversation_id }}",
            xchat_conn_id="{{ params.connection }}",
        ),
        MarkConversationReadOperator(
            task_id="mark",
            conversation_id="{{ params.conversation_id }}",
            seen_until_sequence_id="{{ params.sequence_id }}",
            xchat_conn_id="{{ params.connection }}",
        ),
    ]


PARAMS = {
    "conversation_id": "900000001",
    "sequence_id": "998877665544332211",
    "connection": "xchat_stored",
}


@dag(schedule=None, params=PARAMS)
def templated_ids():
    chain(*templated())


@dag(schedule=None, params=PARAMS, render_template_as_native_obj=True)
def native_ids():
    chain(*templated())


@dag(schedule=None)
def literal_ids():
    chain(
        GetChatConversationOperator(task_id="colon", conversation_id="900000001:9000000000000000101"),
        MarkConversationReadOperator(
            task_id="int_sequence_id",
            conversation_id="g9000000000000000202",
            seen_until_sequence_id=2000000000000000007,
        ),
    )


@dag(schedule=None)
def mapped():
    get = GetChatConversationOperator.partial(task_id="get", chat_conversation_fields=["type"]).expand(
        conversation_id=["900000001", "g9000000000000000201", "g9000000000000000202"]
    )
    mark = MarkConversationReadOperator.partial(task_id="mark").expand_kwargs(
        [
            {"conversation_id": "900000001", "seen_until_sequence_id": "2098877665544332211"},
            {"conversation_id": "g9000000000000000202", "seen_until_sequence_id": 2000000000000000007},
        ]
    )
    get >> mark


@dag(schedule=None)
def mapped_marks():
    partial = MarkConversationReadOperator.partial(
        task_id="by_map_index",
        conversation_id="{{ ['g9000000000000000201', 'g9000000000000000202', '900000001'][ti.map_index] }}",
    )
    by_map_index = partial.expand(seen_until_sequence_id=["7", "7", "7"])
    by_connection = MarkConversationReadOperator.partial(
        task_id="by_connection", conversation_id="g9000000000000000201", seen_until_sequence_id="8"
    ).expand(xchat_conn_id=["xchat_default", "xchat_stored"])
    by_map_index >> by_connection


templated_ids()
native_ids()
literal_ids()
mapped()
mapped_marks()
