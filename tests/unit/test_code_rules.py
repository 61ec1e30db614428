"""What no line of relay does, read from its source: cheap, and it finds what no run of it would reach."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = {
    str(path.relative_to(ROOT)): (path.read_text(), ast.parse(path.read_text()))
    for path in sorted((ROOT / "relay").rglob("*.py"))
}

MAKES_CODE = {"eval", "exec", "compile", "__import__", "execfile"}
MAKES_OBJECTS = {"pickle", "marshal", "shelve", "xml"}
ASKS_OTHERS = {"urllib.request", "http.client", "aiohttp.client", "smtplib", "ftplib", "xmlrpc"}
WEAK_HASHES = {"md5", "sha1", "md4", "ripemd160"}
COMPUTED = (
    r"\][ \t]*(?:[-+*/%&|^?]{0,3}|<<|>>>?)=(?![=>])",  # object[name] = value
    r"[{,]\s*\[[^\]\n]*\]\s*[:(]",  # {[name]: value}
    r"__proto__|\bprototype\b|\bdefineProperty|\bReflect\b|\bfromEntries\b|\bsetPrototypeOf\b",
    r"\bsetAttribute(?:NS)?\((?!\")",
)
ASSIGNS = "Object.assign(document.createElement(tag), properties);"
SQL = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WHERE ")


def nodes(kind: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    """Every node of this kind in the source, with its place."""
    for path, (_, tree) in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, kind):
                yield f"{path}:{getattr(node, 'lineno', 0)}", node


def called(node: ast.AST) -> str:
    """The name that is called: ``subprocess.run``."""
    assert isinstance(node, ast.Call)
    return ast.unparse(node.func)


def imported() -> Iterator[tuple[str, str]]:
    """Every import, with its place."""
    for place, node in nodes(ast.Import):
        assert isinstance(node, ast.Import)
        yield from ((place, alias.name) for alias in node.names)
    for place, node in nodes(ast.ImportFrom):
        assert isinstance(node, ast.ImportFrom)
        yield place, node.module or ""


def test_the_source_is_found() -> None:
    """The tests below would pass without having looked at anything."""
    assert len(SOURCES) > 100
    assert any("subprocess" in called(node) for _, node in nodes(ast.Call))


def test_no_text_becomes_code_or_an_object() -> None:
    """Whoever could write that text would decide what relay does."""
    assert [place for place, node in nodes(ast.Call) if called(node) in MAKES_CODE] == []
    assert [place for place, name in imported() if name.partition(".")[0] in MAKES_OBJECTS] == []
    for place, node in nodes(ast.Call):
        if called(node) in ("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load"):
            raise AssertionError(place)


def test_no_header_is_read_by_the_rules_of_mail() -> None:
    """One header could stop the relay for seconds, or be a failure: so does what aiohttp has for this."""
    for place, node in nodes(ast.Attribute):
        assert isinstance(node, ast.Attribute)
        if node.attr in ("content_type", "charset", "content_disposition", "post", "json", "text"):
            assert not ast.unparse(node.value).endswith("request"), place


def test_no_shell_is_started() -> None:
    """A name with a semicolon in it would become a command."""
    for place, node in nodes(ast.Call):
        assert called(node) not in ("os.system", "os.popen", "subprocess.getoutput"), place
        assert "create_subprocess_shell" not in called(node), place
        assert isinstance(node, ast.Call)
        assert "shell" not in {keyword.arg for keyword in node.keywords}, place


def test_statements_to_the_database_are_constants() -> None:
    """What somebody sends would become part of a statement, instead of a value in it."""
    for place, node in nodes(ast.JoinedStr):
        assert isinstance(node, ast.JoinedStr)
        fixed = "".join(part.value for part in node.values if isinstance(part, ast.Constant))
        if any(word in fixed for word in SQL):
            names = [ast.unparse(part.value) for part in node.values if isinstance(part, ast.FormattedValue)]
            assert all(name.strip("_").isupper() for name in names), (place, names)
    for place, node in nodes(ast.BinOp):
        assert isinstance(node, ast.BinOp)
        left = node.left.value if isinstance(node.left, ast.Constant) else ""
        assert not (isinstance(left, str) and left.startswith(SQL)), place


def test_what_must_not_be_guessed_comes_from_the_system() -> None:
    """A token, a reference or a boundary could be computed by who has seen a few of them."""
    using = {place.partition(":")[0] for place, name in imported() if name == "random"}
    assert using == {"relay/delivery/__init__.py"}, "only when to try again is left to mere chance"


def test_no_weak_hash_is_used_for_protection() -> None:
    """Somebody could make a second text with the same code."""
    for place, node in nodes(ast.Call):
        assert isinstance(node, ast.Call)
        if called(node).rpartition(".")[2] in WEAK_HASHES:
            # The fingerprint of a version 4 key is defined so (RFC 9580 section 5.5.4.2).
            assert "usedforsecurity=False" in ast.unparse(node), place
            assert place.startswith("relay/certificate/packets.py"), place


def test_tls_is_nowhere_unverified_and_nowhere_left_out() -> None:
    """Somewhere a password could be sent to whoever answers."""
    around = (
        "CERT_NONE",
        "check_hostname = False",
        "_create_unverified",
        ".starttls(",
        "IMAP4(",
        "ssl=False",
    )
    for path, (text, _) in SOURCES.items():
        text = text.replace("_create_IMAP4(self)", "")  # imapclient asks for our own connection there
        assert [words for words in around if words in text] == [], path


def test_which_programs_are_started() -> None:
    """A program that nobody thought about would see what it is handed, and run with our rights."""
    starts = {place.partition(":")[0] for place, name in imported() if name == "subprocess"}
    starts |= {p.partition(":")[0] for p, node in nodes(ast.Call) if "create_subprocess" in called(node)}
    assert {path for path in starts if "/demo/" not in path} == {
        "relay/cli/version.py",  # gpg --version
        "relay/daemon/hook.py",  # alarm_command
        "relay/seal/program.py",  # gpg, gpgconf
    }


def test_nobody_is_asked_over_http_or_mail() -> None:
    """A third party would learn that somebody writes, or could be made to be asked (SSRF)."""
    asking = {place.partition(":")[0] for place, name in imported() if name in ASKS_OTHERS}
    # over the daemon's own unix socket; and the demo's visitor, on loopback
    assert asking == {"relay/cli/status.py", "relay/cli/demo/visitor.py"}
    clients = [place for place, node in nodes(ast.Name) if getattr(node, "id", "") == "ClientSession"]
    assert clients == []


def test_no_script_names_a_property_by_what_comes_from_outside() -> None:
    """Who writes a message, an answer or a page could change every object of it (prototype pollution)."""
    scripts = {path.name: path.read_text() for path in sorted((ROOT / "relay").rglob("static/**/*.js"))}
    assert {"v1.js", "frame.js", "proof.js"} <= set(scripts)
    for name, text in scripts.items():
        code = re.sub(r"(?m)^\s*//.*$", "", text)
        for rule in COMPUTED:
            found = re.search(rule, code)
            assert found is None, (name, found and found[0])
        # The one function that copies properties gets them written out.
        assert set(re.findall(r"\bObject\.assign\(.*", code)) <= {ASSIGNS}, name
        assert re.findall(r'\bmake\((?!"\w+"(?:\)|, \{)).*', code) == [], name
