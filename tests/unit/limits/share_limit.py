"""Tasks' processes: each asks once, and waits outside of X for the limit; prints how often each was kept back."""

import json
import multiprocessing
import random
import sys
import time

from airflow.models.variable import Variable
from sqlalchemy.orm import configure_mappers

from airflow_provider_xchat.api import calls
from airflow_provider_xchat.exceptions import XChatRateLimitError
from airflow_provider_xchat.hooks.xchat import XChatHook
from airflow_provider_xchat.sending import factory as clients
from airflow_provider_xchat.sending import sender as attempts


def asked(_number: int) -> int:
    waits = 0
    while True:
        try:
            with XChatHook(rate_limit_wait=0) as hook:
                hook.get_conversation("g9000000000000000201")
        except XChatRateLimitError as error:
            waits += 1
            time.sleep(max(error.retry_at.timestamp() - time.time(), 0) + random.random())
        else:
            return waits


# Imported once, not in each process.
assert attempts and calls and clients and Variable
configure_mappers()
count = int(sys.argv[1])
with multiprocessing.get_context("fork").Pool(count) as processes:
    print(json.dumps(processes.map(asked, range(count), chunksize=1)))  # noqa: T201
