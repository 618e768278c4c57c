"""Asset URIs of the scheme ``xchat``: ``xchat://conversation/<id>``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from airflow_provider_xchat.api.inputs import checked_conversation_id
from airflow_provider_xchat.exceptions import XChatInputError

if TYPE_CHECKING:
    from airflow.providers.common.compat.assets import Asset
    from airflow.providers.common.compat.openlineage.facet import Dataset

__all__ = ["conversation_uri", "convert_asset_to_openlineage", "create_asset", "sanitize_uri"]


def conversation_uri(conversation_id: str | int) -> str:
    """
    Return the URI of a conversation.

    :param conversation_id: as in ``GetChatConversationOperator``
    :raises XChatInputError: when the id is invalid
    """
    return f"xchat://conversation/{checked_conversation_id(conversation_id)}"


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """
    Check a URI, and return it in normal form; Airflow calls this for each asset of the scheme.

    :param uri: the URI
    :return: the URI as :func:`conversation_uri` returns it
    :raises ValueError: when it is not the URI of a conversation
    """
    identifier = uri.path.removeprefix("/") if uri.netloc == "conversation" and not (uri.query or uri.fragment) else ""
    try:
        return urlsplit(conversation_uri(identifier))
    except XChatInputError:
        raise ValueError(f"Invalid URI {uri.geturl()!r}: expected xchat://conversation/<conversation id>") from None


def create_asset(*, conversation_id: str | int, extra: dict[str, Any] | None = None) -> Asset:
    """
    Return the asset of a conversation; Airflow calls this for hook lineage.

    :param conversation_id: the conversation
    :param extra: the extra of the asset
    """
    from airflow.providers.common.compat.assets import Asset

    return Asset(uri=conversation_uri(conversation_id), extra=extra)


def convert_asset_to_openlineage(asset: Asset, lineage_context: object) -> Dataset:  # noqa: ARG001  Airflow's signature
    """
    Convert an asset to an OpenLineage dataset; Airflow's OpenLineage provider calls this.

    :param asset: the asset of a conversation
    :param lineage_context: the hook or operator that has read it
    :return: a dataset of namespace ``xchat``, whose name is ``conversation/<id>``
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset

    parts = urlsplit(asset.uri)
    return Dataset(namespace=parts.scheme, name=f"{parts.netloc}{parts.path}")
