"""What it costs to recognise identifiers: prints one table. Run: `python benchmarks/recognition.py`."""

import json
import sys
import timeit
from collections.abc import Callable
from typing import Final

from phonehome.analysis.examiner import Examiner, Options
from phonehome.analysis.identifiers import KnownValues, kinds
from phonehome.analysis.identifiers.known import Known
from phonehome.analysis.knowledge.catalogue import Field
from phonehome.analysis.transmission import Transmission

REPEATS: Final = 7

HEADERS: Final = (
    ("host", "api.example.org"),
    ("user-agent", "okhttp/4.9.3"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip"),
    ("accept-language", "nb-NO,nb;q=0.9"),
    ("content-type", "application/json; charset=utf-8"),
    ("x-request-id", "7b1c5a52-0f0e-4e0c-9d0f-3a2b1c4d5e6f"),
    ("x-client-version", "8.14.2 (81402)"),
    ("x-platform", "android"),
    ("authorization", "Bearer " + "aB3dE5fG7h" * 9),
    ("cookie", "consent=granted; theme=dark; bucket=control-7"),
)
PATH: Final = "/v2/feed/items?limit=20&after=1549972111&locale=nb_NO&fields=title,lead,image&format=json"

EVENT: Final = {
    "event": "screen_view",
    "ts": 1_549_972_111_123,
    "seq": 41,
    "screen": "article",
    "previous_screen": "front_page",
    "duration_ms": 5123,
    "scroll_depth": 0.83,
    "app": {
        "name": "Example News",
        "version": "8.14.2",
        "build": 81402,
        "store": "play",
        "channel": "release",
    },
    "locale": "nb_NO",
    "timezone": "Europe/Oslo",
    "network": {"type": "wifi", "metered": "no", "roaming": "no"},
    "display": {"width": 1080, "height": 2160, "density": 2.75, "orientation": "portrait"},
    "battery": {"level": 77, "charging": "no"},
    "experiments": ["header-b", "feed-control", "video-autoplay-off"],
    "content": {"id": "1.14481129", "section": "norge", "title": "Byggjer ny bru over fjorden", "words": 812},
    "request": "7b1c5a52-0f0e-4e0c-9d0f-3a2b1c4d5e6f",
    "checksum": "9e107d9d372bb6826bd81d3542a419d6",
    "memory": {"free": 812_123_648, "total": 3_812_123_648},
    "consent": "granted:analytics",
    "padding": "En liten tekst om dagen, " * 8,
}
DEVICE: Final = {
    "imei": "356938035643809",
    "iccid": "8947990000000000048",
    "imsi": "242011234567890",
    "mac": "ac:37:43:11:22:33",
    "android_id": "d3a5b1c2e4f60718",
    "gaid": "1209d0b9-b959-42e6-b921-aa5d9d08c1af",
    "lat": 59.91273,
    "lng": 10.74609,
    "email": "anna@example.org",
}


def sent(body: object = None) -> Transmission:
    payloads = () if body is None else (json.dumps(body).encode(),)
    return Transmission(time=0.0, method="POST", path=PATH, headers=HEADERS, payloads=payloads)


def microseconds(call: Callable[[], object]) -> float:
    """The best of several runs: the others were disturbed."""
    timer = timeit.Timer(call)
    number = max(1, timer.autorange()[0] // 4)
    return min(timer.repeat(REPEATS, number)) / number * 1e6


def main() -> int:
    """Prints the table."""
    fields = tuple(
        Field(("body", "json", name), kind, "declared")
        for name, kind in zip(DEVICE, ("imei", "iccid", "imsi", "mac", "android-id"), strict=False)
    )
    few = KnownValues([Known("imei", DEVICE["imei"])])  # type: ignore[arg-type]
    many = KnownValues([Known(f"value {n}", f"value-number-{n:06d}") for n in range(100)])
    rows: list[tuple[str, Transmission, tuple[Field, ...], KnownValues | None]] = [
        ("URL and headers", sent(), (), None),
        ("1 kB of JSON, no identifiers", sent(EVENT), (), None),
        ("the same, endpoint declares 5 fields", sent(EVENT), fields, None),
        ("1 kB of JSON, 9 identifiers", sent({**EVENT, "device": DEVICE}), (), None),
        ("9 identifiers, 5 of them declared", sent({**EVENT, **DEVICE}), fields, None),
        ("1 kB of JSON, 1 known value", sent(EVENT), (), few),
        ("1 kB of JSON, 100 known values", sent(EVENT), (), many),
        ("100 kB of JSON, no identifiers", sent([EVENT] * 75), (), None),
    ]
    print(f"{'':40}{'values':>8}{'found':>8}{'µs':>10}")
    kinds()
    for name, transmission, declared, known in rows:
        decoded = Examiner().decoder.decode(transmission)
        recognise = Examiner(None, Options(known)).recogniser.recognise
        found = len(recognise(decoded, declared, transmission))

        def call(
            decoded: object = decoded,
            declared: tuple[Field, ...] = declared,
            transmission: Transmission = transmission,
            recognise: Callable[..., object] = recognise,
        ) -> object:
            return recognise(decoded, declared, transmission)

        print(f"{name:40}{len(decoded.values):8}{found:8}{microseconds(call):10.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
