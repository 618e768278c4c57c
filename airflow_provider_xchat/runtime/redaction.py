"""Redact secrets in texts from outside, in all their spellings."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, quote_plus

__all__ = ["redact", "secret_forms"]


def redact(text: str, secrets: Iterable[str]) -> str:
    """
    Replace secrets in a text by ``***``, also if they are escaped for a URL, HTML or JSON.

    :param text: the text
    :param secrets: the secrets
    :return: the text without the secrets
    """
    for form in secret_forms(secrets):
        text = text.replace(form, "***")
    return text


def secret_forms(secrets: Iterable[str]) -> list[str]:
    """
    Return the spellings of secrets in a text.

    :param secrets: the secrets
    :return: the texts to look for, longest first, as one may be part of another
    """
    forms = {form for secret in secrets if secret for form in _forms(secret)}
    return sorted(forms, key=len, reverse=True)


@lru_cache(maxsize=64)  # the same for each response
def _forms(secret: str) -> frozenset[str]:
    in_json = json.dumps(secret)[1:-1]
    in_urls = (quote(secret, safe=""), quote(secret), quote_plus(secret))
    return frozenset((secret, *in_urls, html.escape(secret), in_json, in_json.replace("/", "\\/")))
