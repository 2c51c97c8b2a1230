"""What a text of a playbook must look like. Each shape says it twice: as a pattern for machines, in words for people.

Used as `Annotated[str, shape]`. The method with the long name is pydantic's own hook, called only while its schema is
built, so that naming a shape costs nothing and imports nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeAlias

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


@dataclass(frozen=True)
class Shape:
    """A kind of text: what a fault message says it must be, its pattern, its greatest length in characters."""

    words: str
    pattern: str
    longest: int

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema of one such text, with one message for whatever is wrong with it."""
        from pydantic_core import core_schema

        text = core_schema.str_schema(
            pattern=self.pattern, min_length=1, max_length=self.longest, strip_whitespace=True, strict=True
        )
        return core_schema.custom_error_schema(text, "shape", custom_error_message=f"must be {self.words}")


Line: TypeAlias = Annotated[str, Shape("one line of text, at most 250 characters", r"^[^\n]+$", 250)]
Paragraph: TypeAlias = Annotated[str, Shape("a text of at most 4,000 characters", r"^[\s\S]+$", 4000)]
Name: TypeAlias = Annotated[
    str, Shape("a name in lower-case letters, digits and underscores", r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", 40)
]
Key: TypeAlias = Annotated[str, Shape("a key in lower-case letters and digits", r"^[a-z][a-z0-9]*$", 24)]
PlaybookId: TypeAlias = Annotated[
    str,
    Shape(
        "vendor/product in lower-case letters, digits and dashes",
        r"^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$",
        48,
    ),
]
Url: TypeAlias = Annotated[str, Shape("an https:// address", r"^https://[^\s/]+(/\S*)?$", 500)]
Sha256: TypeAlias = Annotated[str, Shape("64 lower-case hexadecimal digits", r"^[0-9a-f]{64}$", 64)]
Language: TypeAlias = Annotated[str, Shape("a language tag such as en or pt-BR", r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$", 20)]
Day: TypeAlias = Annotated[str, Shape("a day as YYYY-MM-DD", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", 10)]
Step: TypeAlias = Annotated[
    str,
    Shape("a step of the guide such as '6', '7.2' or 'Form 2-10', in quotes", r"^([A-Za-z]+ )?[0-9.]+(-[0-9.]+)?$", 40),
]
Template: TypeAlias = Annotated[str, Shape("a parameter as ${name}", r"^\$\{[a-z][a-z0-9_]*\}$", 50)]
Reference: TypeAlias = Annotated[
    str,
    Shape(
        "tenant_id, parameters.NAME, applications.KEY.app_id, .object_id, .service_principal_id or .secrets.SLOT, "
        "authorization_endpoint or token_endpoint",
        r"^(tenant_id|authorization_endpoint|token_endpoint|parameters\.[a-z][a-z0-9_]*"
        r"|applications\.[a-z0-9]+\.(app_id|object_id|service_principal_id|secrets\.[a-z0-9]+))$",
        100,
    ),
]
