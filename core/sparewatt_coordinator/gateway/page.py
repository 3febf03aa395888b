"""The run's page for people who open the coordinator's address in a browser. Pure."""

from html import escape
from typing import Final

from sparewatt_coordinator.store.base import RunRecord, RunStatus

HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_STYLE: Final = "body{font:16px/1.5 system-ui;margin:3rem auto;max-width:40rem;padding:0 1rem}dt{font-weight:600}"


def render(record: RunRecord, status: RunStatus) -> str:
    """A whole page without scripts, links or anything that is loaded."""
    manifest = record.manifest
    title = escape(manifest.title)
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in _facts(record, status))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>{escape(manifest.purpose)}</p>"
        f"<p><strong>{escape(manifest.validation)}</strong>: updates are not scored or audited yet, so only invited"
        f" contributors whom the organiser trusts carry weight.</p><dl>{rows}</dl></html>"
    )


def _facts(record: RunRecord, status: RunStatus) -> list[tuple[str, str]]:
    manifest = record.manifest
    facts = [
        ("State", f"{status.state} {status.words}".strip()),
        ("Organiser", manifest.organiser),
        ("Licence", manifest.licence),
        ("Version", str(status.version.number)),
        ("Tokens", f"{status.trained_tokens:,} of {manifest.rounds.tokens_total:,}"),
        ("Contributors", str(status.contributors_total)),
    ]
    if status.evaluations:
        first, last = status.evaluations[0], status.evaluations[-1]
        unit = manifest.data.loss_unit.replace("_", " ")
        facts.append(
            (
                "Held-out loss",
                f"{last.loss_micro / 1e6:.3f} {unit} at version {last.version}, was {first.loss_micro / 1e6:.3f}",
            )
        )
    return facts
