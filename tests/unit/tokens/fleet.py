"""
Processes that use connections at the same moment, on "machines" that share no disk: their locks are in folders apart.

Each line of stdin is a round, ``[[member, connection id], …]`` as JSON; every member named calls X once, all together.
Each line of stdout that starts with ``[`` is what they had to say, in that order: ``"ok"``, the error, or
``"died"``. argv: how many members, and the machines' folders, which they take in turn.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile

from airflow.models import variable  # noqa: F401  what the members would import one by one
from sqlalchemy.orm import configure_mappers

from airflow_provider_xchat.api import calls  # noqa: F401  likewise
from airflow_provider_xchat.hooks.xchat import XChatHook
from airflow_provider_xchat.sending import factory  # noqa: F401  likewise
from xchat_sandbox import GROUP_ID as GROUP


def call(hook):
    try:
        hook.get_conversation(GROUP)
    except Exception as error:  # noqa: BLE001  whatever it is, the parent is told
        return f"{type(error).__name__}: {error}"
    return "ok"


def member(number, commands, answers):
    lasting = {}
    for line in commands:
        conn_id = line.strip()
        # Half of them live on, as a triggerer does; the others are new each time, as tasks are.
        if number % 4 < 2:
            said = call(lasting.setdefault(conn_id, XChatHook(conn_id)))
        else:
            with XChatHook(conn_id) as hook:
                said = call(hook)
        answers.write(json.dumps(said) + "\n")
        answers.flush()


def start(number, folder):
    command_out, command_in = os.pipe()
    answer_out, answer_in = os.pipe()
    if os.fork() == 0:
        os.environ["TMPDIR"], tempfile.tempdir = folder, None
        try:
            os.closerange(max(command_out, command_in, answer_out, answer_in) + 1, 1024)
            os.close(command_in)
            os.close(answer_out)
            with os.fdopen(command_out) as commands, os.fdopen(answer_in, "w") as answers:
                member(number, commands, answers)
        finally:
            os._exit(0)
    os.close(command_out)
    os.close(answer_in)
    return os.fdopen(command_in, "w"), os.fdopen(answer_out)


def say(answers):
    sys.stdout.write(json.dumps(answers) + "\n")
    sys.stdout.flush()


def main():
    size, folders = int(sys.argv[1]), sys.argv[2:]
    configure_mappers()  # a second of work, and the same for all
    members = [start(number, folders[number % len(folders)]) for number in range(size)]
    say([])
    for line in sys.stdin:
        called = [(members[number], conn_id) for number, conn_id in json.loads(line)]
        for (commands, _), conn_id in called:
            commands.write(f"{conn_id}\n")
            commands.flush()
        say([json.loads(answers.readline() or '"died"') for (_, answers), _ in called])


if __name__ == "__main__":
    main()
