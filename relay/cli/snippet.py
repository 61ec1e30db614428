"""``relay snippet``: what a practitioner pastes into their own website, and how.

Standard output carries nothing but what is to be pasted, or the QR code; explanations go to standard error.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import click

from relay.cli.examining import examiner, form_named, served
from relay.cli.failure import EX_CANTCREAT, say
from relay.cli.lines import as_document, printable
from relay.config import Config
from relay.config.words import not_among
from relay.form import Form
from relay.web.language import choose
from relay.web.qr import qr_png, qr_svg
from relay.web.snippets import WAYS, Snippet, snippets, steps
from relay.web.words import Words, catalogues, words_for

QR_CODES = ("qr-svg", "qr-png")


@click.command("snippet")
@click.argument("name", metavar="FORM")
@click.option(
    "--as",
    "way",
    type=click.Choice((*WAYS, *QR_CODES)),
    help="How; without it the link, and what else there is.",
)
@click.option("--lang", help="One of the form's languages. Default: your own, if the form has it.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file, not to standard output.",
)
@click.option("--json", "as_json", is_flag=True, help="All ways as one JSON document.")
@click.pass_obj
def command(
    path: Path, name: str, way: str | None, lang: str | None, output: Path | None, as_json: bool
) -> None:
    """Print what to paste into a website so that FORM stands there.

    FORM is the name of a form, or TENANT/NAME. Also says what the website's Content-Security-Policy needs,
    and what to click in WordPress and Jimdo.
    """
    config = _config(path)
    form = _form(config, name)
    words, language = _languages(form, lang)
    page = config.public_url + form.path
    found = snippets(form, config.public_url, language)
    if as_json:
        ways = [_as_json(snippet, form, config.public_url, words) for snippet in found]
        document = {"form": name, "url": page, "language": language, "ways": ways}
        _put(as_document(document).encode() + b"\n", output)
    elif way in QR_CODES:
        png = way == "qr-png"
        if png and output is None and sys.stdout.isatty():
            raise click.UsageError("a PNG is no text: add --output FILE.png")
        _put(qr_png(page) if png else qr_svg(page, form.title[language]) + b"\n", output)
    else:
        snippet = next(each for each in found if each.way == (way or "link"))
        _introduce(snippet, form, page, words, language)
        _put(snippet.html.encode() + b"\n", output)
        _explain(snippet, form, config.public_url, words)
        if way is None:
            _name_the_others(name, page, words)


def _config(path: Path) -> Config:
    """Raises ``ConfigError``. Credentials that only the service can read are not needed here."""
    with examiner(path) as custodian:
        return served(path, custodian, excuse_credentials=True)


def _form(config: Config, name: str) -> Form:
    if open_form := form_named(config, name):
        return open_form.form
    known = [each.form.path.removeprefix("/f/") for each in config.forms.values()]
    raise click.BadParameter(f"there is no such form. {not_among(name, known, 'forms')}", param_hint="FORM")


def _languages(form: Form, lang: str | None) -> tuple[Words, str]:
    """In which language to explain, and in which to write the snippet."""
    if lang is not None and lang not in form.languages:
        raise click.BadParameter(f"the form has {', '.join(form.languages)}", param_hint="--lang")
    own = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "en")
    mine = lang or own.partition(".")[0].replace("_", "-").lower()
    return words_for(choose(["en", *catalogues()], [mine])), choose(form.languages, [mine])


def _introduce(snippet: Snippet, form: Form, page: str, words: Words, language: str) -> None:
    click.echo(f"{printable(form.title[language])}  {page}\n", err=True)
    click.echo(click.style(words.text(f"embed.{snippet.way}.name"), bold=True), err=True)
    _say(words.text(f"embed.{snippet.way}.what"))
    click.echo(err=True)


def _explain(snippet: Snippet, form: Form, public_url: str, words: Words) -> None:
    click.echo(err=True)
    if snippet.policy:
        _say(words.text("embed.policy"))
        click.echo(f"    {snippet.policy}", err=True)
    else:
        _say(words.text("embed.no_policy"))
    if snippet.way != "link":
        origins = ", ".join(form.origins)
        _say(words.text("embed.origins", origins=origins) if origins else words.text("embed.no_origins"))
    click.echo(err=True)
    for where, what in steps(snippet.way, form, public_url, words).items():
        _row(words.text(f"embed.{where}"), what)


def _name_the_others(name: str, page: str, words: Words) -> None:
    click.echo(err=True)
    _say(words.text("snippet.others", form=name))
    for way in WAYS[1:]:
        _row(way, words.text(f"embed.{way}.what"))
    for code in QR_CODES:
        _row(code, words.text("snippet.qr.what"))
    click.echo(err=True)
    _say(words.text("snippet.page", page=f"{page}/embed"))


def _as_json(snippet: Snippet, form: Form, public_url: str, words: Words) -> Mapping[str, object]:
    return {
        "way": snippet.way,
        "html": snippet.html,
        "policy": snippet.policy,
        "what": words.text(f"embed.{snippet.way}.what"),
        "steps": steps(snippet.way, form, public_url, words),
    }


def _put(content: bytes, output: Path | None) -> None:
    if output is None:
        click.echo(content, nl=False)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        say(f"{output} cannot be written: {os.strerror(error.errno or 0)}")
        raise click.exceptions.Exit(EX_CANTCREAT) from None


def _say(text: str) -> None:
    """A paragraph, folded to the width of the terminal; addresses stay whole."""
    click.echo(_folded(text, "", ""), err=True)


def _row(label: str, text: str) -> None:
    """A paragraph with a word in the margin."""
    click.echo(_folded(text, f"  {label:<14}", " " * 16), err=True)


def _folded(text: str, first: str, rest: str) -> str:
    return textwrap.fill(
        text,
        min(shutil.get_terminal_size().columns, 100),
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
