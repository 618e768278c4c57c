"""What the reference makes of the code: Markdown of docstrings, and constructors with all of their arguments."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:attr|class|func|meth|mod):`~?([^`]+)`")
_LITERAL_BLOCK = re.compile(r"(?<=\S)::$|^::\n", re.MULTILINE)
# From its first line of equals signs to its last; it stays as it is, in a block of code.
_TABLE = re.compile(r"^=+(?: +=+)+\n(?:.+\n)+?=+(?: +=+)+\n(?:.+\n)*=+(?: +=+)+$", re.MULTILINE)

# A term, and what it means below it, indented.
_DEFINITION = re.compile(r"^(``.+``)\n((?:    .+\n?)+)", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Changes each docstring before it is parsed, and each constructor before it is shown."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """
        Rewrite the docstring of an object.

        :param obj: a module, class, function or attribute
        """
        if obj.docstring is not None:
            text = _TABLE.sub(lambda table: f"```text\n{table[0].replace('``', '')}\n```", obj.docstring.value)
            text = _DEFINITION.sub(lambda term: f"- {term[1]}:\n{term[2]}", text)
            text = _LITERAL_BLOCK.sub(lambda colons: ":" if colons[0] == "::" else "", text)
            obj.docstring.value = _ROLE.sub(r"`\1`", text)

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """
        Put the arguments that go to a class above by ``**kwargs`` in front of the latter.

        :param cls: a class
        """
        own = cls.members.get("__init__")
        if not isinstance(own, griffe.Function) or not _hands_on(own):
            return
        above = [base.members.get("__init__") for base in cls.mro()]
        handed_on = [
            parameter
            for init in above
            if isinstance(init, griffe.Function)
            for parameter in init.parameters
            if parameter.kind is griffe.ParameterKind.keyword_only
        ]
        *parameters, rest = own.parameters
        known = {parameter.name for parameter in parameters}
        for parameter in handed_on:
            if parameter.name not in known:
                parameters.append(parameter)
                known.add(parameter.name)
        own.parameters = griffe.Parameters(*parameters, rest)


def _hands_on(init: griffe.Function) -> bool:
    return any(parameter.kind is griffe.ParameterKind.var_keyword for parameter in init.parameters)
