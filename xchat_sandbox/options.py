"""The options of a sandbox."""

from collections.abc import Iterable
from os import PathLike

from xchat_sandbox.oauth.settings import OAuthOptions
from xchat_sandbox.oauth.tokens import Token
from xchat_sandbox.selection import AnswerForm


class SandboxOptions(OAuthOptions, total=False):
    """Keyword arguments of ``create_app`` and ``running_sandbox``."""

    answer_form: AnswerForm
    tokens: Iterable[Token | str]
    rate_limit: int
    rate_window: float
    daily_limit: int | None
    daily_window: float
    conversations: int
    latency: float
    document: str | PathLike[str] | None
