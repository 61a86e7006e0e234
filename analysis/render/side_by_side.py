"""A comparison as text, as JSON, and as a page that is one file and loads nothing."""

import json
from collections.abc import Callable
from typing import Any

from phonehome.analysis.compare.changes import (
    DETAIL,
    CaptureSet,
    Comparison,
    DestinationChange,
    DeviceChange,
    Side,
)
from phonehome.analysis.render import html
from phonehome.analysis.render.escape import printable
from phonehome.analysis.report.phrases import period
from phonehome.analysis.report.summary import ENCRYPTION, listed, number_of

MAX_ROWS = 1000
"""Destinations of a phone that text and page list; JSON has all."""

_MATCHED = {
    None: "not matched with a phone of the other report",
    "label": "matched by its label",
    "identifier": "matched by an identifier of its hardware",
    "model and address": "matched by model and address",
    "model": "matched by its model, which only one phone of each report has: it can be another phone of that model",
    "address": "matched by its address alone: another phone can have it",
}


def render(comparison: Comparison, format_: str) -> str:
    """The comparison in `text`, `json` or `html`, with a line feed at the end."""
    renderers: dict[str, Callable[[Comparison], str]] = {"text": _text, "json": _json, "html": _html}
    return renderers[format_](comparison)


def _json(comparison: Comparison) -> str:
    return json.dumps(comparison, indent=2, ensure_ascii=True) + "\n"


def _text(comparison: Comparison) -> str:
    lines = [*_captures("before", comparison["before"]), *_captures("after", comparison["after"]), ""]
    lines += [f"* {finding}" for finding in comparison["findings"]]
    for device in comparison["devices"]:
        lines += ["", f"{_name(device)} ({_MATCHED[device['matched_by']]})"]
        lines += [f"  {line}" for line in _builds(device)]
        for change in device["destinations"][:MAX_ROWS]:
            lines.append(f"  {change['status'].upper():<8}{change['host']}: {change['purpose_label']}")
            lines += [f"            {line}" for line in _details(change)]
        if len(device["destinations"]) > MAX_ROWS:
            lines.append(f"  and {len(device['destinations']) - MAX_ROWS:,} more, which JSON has")
        if device["matched_by"] and device["unchanged"]:
            lines.append(f"  {number_of(device['unchanged'], 'more destination')} as before")
    lines += ["", *(f"not read: {failed['path']}: {failed['error']}" for failed in comparison["errors"])]
    return "\n".join(printable(line) for line in lines).rstrip("\n") + "\n"


def _html(comparison: Comparison) -> str:
    devices = [
        {
            "name": _name(device),
            "matched": _MATCHED[device["matched_by"]],
            "is_matched": device["matched_by"] is not None,
            "builds": _builds(device),
            "findings": [finding.partition(DETAIL) for finding in device["findings"]],
            "unchanged": device["unchanged"],
            "rows": [
                {"change": change, "details": _details(change)}
                for change in device["destinations"][:MAX_ROWS]
            ],
            "left_out": max(0, len(device["destinations"]) - MAX_ROWS),
        }
        for device in comparison["devices"]
    ]
    sides = [
        {
            "title": title,
            "counted": _counted(side),
            "period": html.period(side["first"], side["last"]),
            "captures": side["captures"],
        }
        for title, side in (("Before", comparison["before"]), ("After", comparison["after"]))
    ]
    shown = _printable({"sides": sides, "devices": devices, "errors": comparison["errors"]})
    return "".join(html.rendered("compare.html.j2", "What changed in where the data went", **shown)) + "\n"


def _printable(item: Any) -> Any:
    """The same with every text made safe to show."""
    if isinstance(item, str):
        return printable(item)
    if isinstance(item, list | tuple):
        return [_printable(inner) for inner in item]
    if isinstance(item, dict):
        return {key: _printable(inner) for key, inner in item.items()}
    return item


def _captures(title: str, side: CaptureSet) -> list[str]:
    paths = listed([item["path"] for item in side["captures"]]) if side["captures"] else "no capture"
    return [
        f"{title}: {paths}",
        f"  {_counted(side)}, {period(side['first'], side['last'])}",
    ]


def _counted(side: CaptureSet) -> str:
    return f"{number_of(side['transmissions'], 'transmission')} of {number_of(side['devices'], 'phone')}"


def _name(device: DeviceChange) -> str:
    before, after = device["before"], device["after"]
    return f"{before} -> {after}" if before and after and before != after else after or before or ""


def _builds(device: DeviceChange) -> list[str]:
    gone = [build for build in device["builds_before"] if build not in device["builds_after"]]
    new = [build for build in device["builds_after"] if build not in device["builds_before"]]
    if not device["matched_by"] or not (gone or new):
        return []
    return [f"builds before: {', '.join(gone) or 'none named'}; after: {', '.join(new) or 'none named'}"]


def _details(change: DestinationChange) -> list[str]:
    """What changed, and both sides in short."""
    lines = list(change["changes"])
    for title, side in (("before", change["before"]), ("after", change["after"])):
        if side:
            lines.append(f"{title}: {_side(side)}")
    return lines


def _side(side: Side) -> str:
    counts = [f"{side['sent']:,} sent"] if side["sent"] else []
    counts += [f"{side['tried']:,} tried"] if side["tried"] else []
    network = f", {listed(side['networks'])}" if side["networks"] else ""
    carried = f", with {listed(side['identifiers'])}" if side["identifiers"] else ""
    return (
        f"{', '.join(counts)} ({side['bytes_sent']:,} bytes) to {listed(side['places'])}{network}, "
        f"{ENCRYPTION[side['encrypted']]}{carried}"
    )
