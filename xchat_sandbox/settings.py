"""What a sandbox can be told when it is made."""

from collections.abc import Iterable
from os import PathLike

from xchat_sandbox.oauth_settings import OAuthOptions
from xchat_sandbox.selection import AnswerForm
from xchat_sandbox.tokens import Token


class SandboxOptions(OAuthOptions, total=False):
    """The keyword arguments of ``create_app``, which ``running_sandbox`` takes too."""

    answer_form: AnswerForm
    tokens: Iterable[Token | str]
    rate_limit: int
    rate_window: float
    daily_limit: int | None
    daily_window: float
    conversations: int
    latency: float
    document: str | PathLike[str] | None
