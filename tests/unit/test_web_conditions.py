"""The style that hides what is not asked."""

from __future__ import annotations

import re

from relay.form import Form
from relay.web import assets
from relay.web.conditions import rules, selectors
from tests.fixtures import forms


def conditional(**changes: object) -> Form:
    """A choice, a question that hangs on it, and one that hangs on that one."""
    options = [{"value": each, "label": {"de": each, "en": each}} for each in ('e"mail\\', "telefon", "nein")]
    label = {"de": "Frage", "en": "Question"}
    return forms.kontakt(
        fields=[
            {"type": "radio", "name": "weg", "label": label, "options": options},
            {
                "type": "checkbox",
                "name": "band",
                "label": label,
                "show_if": {"field": "weg", "is": "telefon"},
            },
            {"type": "text", "name": "wort", "label": label, "show_if": {"field": "band", "is": True}},
            {"type": "select", "name": "wann", "label": label, "options": options},
            {"type": "heading", "text": label, "show_if": {"field": "wann", "is": ['e"mail\\', "nein"]}},
        ],
        **changes,
    )


def test_a_form_without_conditions_has_no_style_of_its_own() -> None:
    """Every page would ask once more for nothing."""
    assert rules(forms.kontakt()) == ""
    assert assets.hiding(forms.kontakt()) is None


def test_each_question_waits_for_its_whole_chain() -> None:
    """A question would stay in view after the one that it hangs on was taken back."""
    form = conditional()
    assert selectors(form, form.fields[0]) == ()
    assert selectors(form, form.fields[2]) == (
        '[name="band"]:checked',
        '[name="weg"][value="telefon"]:checked',
    )
    assert rules(form).count(".if-2{display:none}") == 2


def test_values_cannot_leave_their_string() -> None:
    """An option with a quotation mark would break the style, or be a style."""
    form = conditional()
    [selector] = selectors(form, form.fields[4])
    assert selector == (
        '[name="wann"] option[value="e\\22 mail\\5c "]:checked,[name="wann"] option[value="nein"]:checked'
    )
    assert "<" not in rules(form)


def test_browsers_without_has_show_everything() -> None:
    """An old browser would hide a question for ever, or the words that say when it counts."""
    text = rules(conditional())
    assert text.startswith("@supports selector(:has(*)){.only-if{display:none}")
    assert text.count("{") == text.count("}")


def test_its_address_changes_with_it_and_says_whose_it_is() -> None:
    """Browsers keep it for ever: another condition at the same address would never be seen."""
    first, second = conditional(), conditional(tenant="beispiel")
    style, other = assets.hiding(first), assets.hiding(second)
    assert style is not None
    assert other is not None
    assert re.fullmatch(r"/assets/kontakt/asked\.[0-9a-f]{12}\.css", style.path)
    assert re.fullmatch(r"/assets/beispiel/kontakt/asked\.[0-9a-f]{12}\.css", other.path)
    assert style.content == other.content
