"""Finds secrets in a text by their form, whatever the name of its field. Pure.

Only the secret part is hidden: the password and the signatures in an address, the lines inside a
PEM block, the key quoted in a message. Each pattern takes time in proportion to the text.
"""

import re
from collections.abc import Callable, Iterable

from inventory.normalize.secret_names import is_secret_name

# Gets a secret's name, or "", and the secret; returns what to put in its place.
Hide = Callable[[str, str], str]

# No possessive group stands here: before Python 3.11.5 they match wrongly if they backtrack inside.

# The forms by which secret scanners find keys.
_TOKENS = (
    r"(?:AKIA|ASIA)[A-Z0-9]{16}\b",  # AWS
    r"AIza[\w-]{35,}|GOCSPX-[\w-]{20,}|ya29\.[\w-]{20,}",  # Google
    r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,}",
    r"glpat-[\w-]{20,}",  # GitLab
    r"xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}",  # Slack
    r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{16,}",  # Stripe
    r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}",  # Shopify
    r"SG\.[\w-]{22}\.[\w-]{43}",  # SendGrid
    r"pat-[a-z]{2}\d-[0-9a-f-]{36}",  # HubSpot
    r"dapi[0-9a-f]{32}\b",  # Databricks
    # A JWT, also without a signature or encrypted: its header is JSON in base64.
    r"(?<![\w-])ey[IJ][\w-]{10,}\.(?:[\w-]{4,}(?:\.[\w-]*){1,3}|(?:\.[\w-]+){3})",
    r"LS0tLS1CRUdJTi[A-Za-z0-9+/=_-]*+",  # a PEM block in base64
)
_NO_WORD_BEFORE = "(?<![A-Za-z0-9])"  # but maybe an underscore: _AIza…
_TOKEN = re.compile(rf"{_NO_WORD_BEFORE}(?:{'|'.join(_TOKENS)})", re.ASCII)
# A text without one of these beginnings or characters has no secret. Most items have none. Of each
# beginning the rarest character is searched for, and what stands around it compared then: that
# takes half the time. By that character: what stands before it, and behind it.
_WORDS = {
    "A": [("", "[KS]IA|Iza")],
    "G": [("", "OCSPX")],
    "L": [("", "S0tLS1CRUdJTi")],
    "S": [("", "G[.]")],
    "p": [("da", "i"), ("sh", "")],
    "y": [("", "a29"), ("e", "[IJ]")],
    "_": [("gh[pousr]", ""), ("github_pat", ""), ("[sr]k", ""), ("whsec", "")],
    "-": [("glpat", ""), ("pat", ""), ("xapp", ""), ("xox[a-z]", "")],
    " ": [("[Bb]asic", ""), ("[Bb]earer", ""), ("curl", "")],
}


def _beginnings(rare: str) -> str:
    words = (f"(?<={_NO_WORD_BEFORE}{before}{rare})(?:{after})" for before, after in _WORDS[rare])
    return f"{rare}(?:{'|'.join(words)})"


_BEGINNINGS = "|".join(map(_beginnings, _WORDS))
# As in `password: …`, but not in an address, a time or a member of JSON.
_COLON = r":(?<!\":)(?!//|\d)"
_MAY_BE_IN_JSON = re.compile(
    rf"\\|=|@|':|--|%40|/(?<=hooks\.slack\.com/)|{_BEGINNINGS}|{_COLON}".encode(), re.ASCII
)
_MAY_HOLD_SECRET = re.compile(
    rf"[\"'=@]|--|%40|hooks\.slack\.com/|{_BEGINNINGS}|{_COLON}", re.ASCII
)

# A truncated block counts to the end. Public keys are not secret. SSH2 has four dashes.
_PEM = re.compile(
    r"(-{4,5} ?BEGIN (?![A-Z0-9 ]{0,60}PUBLIC KEY)[A-Z0-9 ]{1,60}-{4,5})(.*?)"
    r"(?=-{4,5} ?END |\Z)",
    re.DOTALL | re.IGNORECASE,
)
_PUTTY = re.compile(r"(Private-Lines: \d+\s)(.*?)(?=[\r\n]{1,2}Private-MAC:|\Z)", re.DOTALL)
# The password in an address. By the standard it has no space, slash, question mark or number sign;
# one that has them nevertheless ends at the first @. A port is not a password.
_PASSWORD = re.compile(
    r"(//[^\s/?#@:\[]*+:(?!\d{1,5}(?:[/?#,\s]|\Z))|:thin:[^\s/@:]++/)"
    r"([^\s/?#]+(?=@)|[^\s@]{1,200}+(?=@)|[^\s/?#@][^\n/?#@]{1,60}+(?=@))"
)
_ENCODED_PASSWORD = re.compile(
    r"""(%2F%2F[^\s%]{0,200}+%3A)((?:(?!%40|%2F)[^\s&"'<>])+)(?=%40)""", re.IGNORECASE
)
_CURL = re.compile(
    r"(\bcurl [^\n]{0,200}?(?<!\S)(?:-u|--user)[ =]?[\"']?[^\s:\"']{0,200}+:)([^\s\"']++)"
)
_WEBHOOK = re.compile(r"(hooks\.slack\.com/\w+/)([\w/]+)", re.ASCII)
_BEARER = re.compile(r"(\b(?:[Bb]earer|[Bb]asic) +)((?=[^\s\d]*\d)[\w+/.~-]{12,}=*)", re.ASCII)
_QUOTED = r""""[^"]*+"|'[^']*+'|\{[^{}]*+\}"""
_NAME = r"(?P<name>[A-Za-z_][\w.-]{0,99}+)"
_PARAMETERS = tuple(
    re.compile(rf"(?P<before>{sign}{_NAME}{equals})(?P<value>{value})", re.ASCII | re.IGNORECASE)
    for sign, equals, value in (
        (r"(?P<sign>[?#]|&(?:amp;)?)", "=", r"""[^\s&#"'<>]++"""),  # of an address
        (r"(?P<sign>%(?:3F|26|23))", "%3D", r"""(?:(?!%26|%23)[^\s&#"'<>])+"""),  # encoded again
        # Settings of a connection.
        (r"(?P<sign>)(?<![\w.%?&#-])-{0,2}", r"\s?=\s?", rf"""{_QUOTED}|[^\s&;"'<>]++"""),
        # An option of a command.
        (r"(?P<sign>)(?<!\S)--", r"\s", rf"""{_QUOTED}|(?!-)[^\s"'<>]++"""),
    )
)
_AFTER_SEMICOLON = re.compile(rf"(?P<before>(?P<sign>;){_NAME}=)(?P<value>[^;]++)", re.ASCII)
# `password: x` at the beginning of a line or after a comma, if one word follows: the text
# "token: it has expired" has no secret.
_LINE = re.compile(
    rf"(?P<before>(?:^|[,;{{])[ \t]{{0,40}}+(?:- )?(?P<sign>){_NAME}[ \t]?:(?!//)[ \t]*+"
    r"(?:(?:Basic|Bearer|Token) )?)"
    r"(?P<value>(?:[^\s,;]|[,;](?!\s|\Z|[A-Z_][\w.-]{0,99}+[:=]))+)"
    r"(?=[,;]|[ \t]*+(?:[\r\n]|\Z))",
    re.ASCII | re.IGNORECASE | re.MULTILINE,
)
# Names of secrets in an address; elsewhere they are common words.
_IN_ADDRESSES = frozenset(("auth", "code"))


def may_be_in(parts: Iterable[bytes]) -> bool:
    """Say quickly whether any text in parts of JSON may hold a secret, or JSON."""
    return _MAY_BE_IN_JSON.search(b"\n".join(parts)) is not None


def may_be_in_text(text: str) -> bool:
    """Say quickly whether a text may hold a secret, or JSON."""
    return _MAY_HOLD_SECRET.search(text) is not None


def hide_secrets(text: str, hide: Hide) -> str:
    """Return a text with the secrets in it hidden."""

    def hide_second(match: re.Match[str]) -> str:
        return match[1] + hide("", match[2])

    def hide_parameter(match: re.Match[str]) -> str:
        name, value = match["name"], match["value"]
        if is_secret_name(name) or (match["sign"] and name.lower() in _IN_ADDRESSES):
            return match["before"] + hide(name, value)
        if match["sign"] and ";" in value:
            return match["before"] + _AFTER_SEMICOLON.sub(hide_parameter, value)
        return match[0]

    if "--" in text:
        text = _PEM.sub(hide_second, text)
    if "Private-Lines" in text:
        text = _PUTTY.sub(hide_second, text)
    if "@" in text:
        text = _PASSWORD.sub(hide_second, text)
    if "%40" in text:
        text = _ENCODED_PASSWORD.sub(hide_second, text)
    if "curl " in text:
        text = _CURL.sub(hide_second, text)
    if "=" in text or "--" in text:
        for parameter in _PARAMETERS:
            text = parameter.sub(hide_parameter, text)
    if ":" in text:
        text = _LINE.sub(hide_parameter, text)
    if "hooks.slack.com/" in text:
        text = _WEBHOOK.sub(hide_second, text)
    text = _BEARER.sub(hide_second, text)
    return _TOKEN.sub(lambda match: hide("", match[0]), text)
