"""How a form looks on another website, and what to paste there: a page without anything secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from relay.web import assets
from relay.web.pages import PracticePage
from relay.web.snippets import Snippet, Way, snippets, steps
from relay.web.words import own_name


def embed_policy(origins: Sequence[str]) -> str:
    """The ``Content-Security-Policy`` of this page: what a host page needs, with ourselves as the relay.

    Also that no text ever becomes HTML by script (Trusted Types): the custom element must do without.
    """
    actions = " ".join(("'self'", *origins))
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; "
        f"img-src 'self' data:; base-uri 'none'; form-action {actions}; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedPage(PracticePage):
    """Four ways, each with its text to paste, its steps, and how it looks."""

    public_url: str

    template: ClassVar[str] = "embed.html"

    @property
    def own_scripts(self) -> Sequence[str]:
        return ("embed/copy.js",)

    @property
    def exit(self) -> str:
        return ""

    @property
    def own_stylesheet(self) -> str:
        return assets.served("embed/showcase.css").path

    @property
    def other_languages(self) -> Sequence[tuple[str, str]]:
        return [(tag, own_name(tag)) for tag in self.form.languages if tag != self.language]

    def ways(self) -> Sequence[Snippet]:
        """What to paste."""
        return snippets(self.form, self.public_url, self.language)

    def steps(self, way: Way) -> Mapping[str, str]:
        """What to do with it, by place."""
        return steps(way, self.form, self.public_url, self.words)
