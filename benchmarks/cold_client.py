"""A script's first call, without Airflow: importing the client, calling, and reading the answer as a model."""

from __future__ import annotations

from benchmarks.callers import CONVERSATION, EXPANSIONS, FIELDS, TOKEN, USER_FIELDS
from benchmarks.measuring import Bench, answering, median
from benchmarks.tables import Table

GIVEN = f"{EXPANSIONS!r}, {FIELDS!r}, {USER_FIELDS!r}"

HTTPX = f"""
import httpx
client = httpx.Client(base_url=url, headers={{"Authorization": "Bearer {TOKEN}"}})
expansions, fields, user_fields = (",".join(names) for names in ({GIVEN}))
params = {{"expansions": expansions, "chat_conversation.fields": fields, "user.fields": user_fields}}
answer = client.get("/2/chat/conversations/{CONVERSATION}", params=params).json()
found = answer["data"]["group_name"]
"""

OURS = f"""
from xchat_client import Client
from xchat_client.api.chat import get_chat_conversation
client = Client(url, token="{TOKEN}")
expansions, fields, user_fields = {GIVEN}
answer = get_chat_conversation.sync(
    "{CONVERSATION}", client=client, expansions=expansions, chat_conversation_fields=fields, user_fields=user_fields
)
found = answer.data[0].group_name
"""

XDK = f"""
from xdk import Client
client = Client(base_url=url, access_token="{TOKEN}")
expansions, fields, user_fields = {GIVEN}
answer = client.chat.get_conversation("{CONVERSATION}", fields, expansions, user_fields)
found = answer.data.group_name
"""

WAYS = {"httpx": HTTPX, "xchat_client": OURS, "xdk": XDK}

PROBE = """
import json, sys, time
url, program = sys.argv[1:]
program = compile(program, "program", "exec")
before = set(sys.modules)
began, cpu = time.perf_counter(), time.process_time()
exec(program)
took = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
assert found.startswith("Group"), found
print(json.dumps({**took, "modules": len(set(sys.modules) - before)}))
"""


def tables(bench: Bench) -> list[Table]:
    """Measure, and give the table."""
    with answering(bench, as_list=True) as listed, answering(bench) as single:
        urls = {"httpx": single, "xchat_client": listed, "xdk": single}
        found = bench.by_turns(WAYS, lambda way: bench.said("-c", PROBE, urls[way], WAYS[way]))
    table = Table(
        "cold_client",
        f"import, first call and first model in a fresh process; medians of {bench.rounds}",
        notes=["httpx makes no model; each gets data in the form that its own document describes"],
    )
    alone = median(found["httpx"], "seconds")
    for way, results in found.items():
        seconds = median(results, "seconds")
        table.add(
            way,
            ms=1000 * seconds,
            CPU_ms=1000 * median(results, "cpu"),
            modules=int(median(results, "modules")),
            time_of_httpx=f"{seconds / alone:.2f}x",
        )
    return [table]
