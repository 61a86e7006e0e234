"""Which app sent it: by lists of other tools, and by what the request says."""

import json
import pickle
from pathlib import Path

import pytest

from captures.flows import build_flow, write_flows
from phonehome.analysis import knowledge
from phonehome.analysis.apps import AppList, AppListError, says, with_app
from phonehome.analysis.examiner import Examiner, Options
from phonehome.analysis.transmission import App, Transmission
from phonehome.cli import main

KNOWN = knowledge.shipped().apps
TIME = 1_700_000_000.0


@pytest.mark.parametrize(
    ("headers", "name", "id_"),
    [
        ({"X-Requested-With": "com.example.browser"}, "", "com.example.browser"),
        ({"X-Requested-With": "XMLHttpRequest"}, None, None),
        ({"X-Requested-With": "XMLHttpRequest", "X-Android-Package": "org.maker.app"}, "", "org.maker.app"),
        ({"x-ios-bundle-identifier": "com.example.Weather-2"}, "", "com.example.Weather-2"),
        ({"User-Agent": "My%20App/1.0 CFNetwork/978.0.7 Darwin/18.7.0"}, "My App", ""),
        ({"User-Agent": "com.apple.trustd/2.0 CFNetwork/978 Darwin/18"}, "", "com.apple.trustd"),
        ({"User-Agent": "Weather/1 (com.a.weather; build:7; iOS 12.1.0) Alamofire/4"}, "Weather", "com.a.weather"),
        ({"User-Agent": "com.google.android.gms/16 (Linux; U; Android 9)"}, "", "com.google.android.gms"),
        ({"User-Agent": "Android-Finsky/13.1.32 (api=3)"}, "Google Play Store", "com.android.vending"),
        ({"User-Agent": "okhttp/3.12.0"}, None, None),
        ({"User-Agent": "Mozilla/5.0 (Linux; Android 9) AppleWebKit/537.36 Chrome/71.0 Safari/537.36"}, None, None),
        ({"User-Agent": "Dalvik/2.1.0 (Linux; U; Android 9; Nokia 7 plus Build/PPR1.180610.011)"}, None, None),
        ({"X-Requested-With": "a." * 5000}, None, None),
    ],
)  # fmt: skip
def test_what_a_request_says(headers: dict[str, str], name: str | None, id_: str | None) -> None:
    found = says(tuple(headers.items()), KNOWN)
    assert found == (App(name, id_ or "", "says") if name is not None else None)


def test_a_library_names_its_app_only_where_it_is_declared() -> None:
    body = json.dumps({"package_name": "com.example.game", "os": "android"}).encode()
    for host, app in (("app.adjust.com", "com.example.game"), ("shop.example", None)):
        sent = Transmission(
            TIME, host=host, headers=(("Content-Type", "application/json"),), payloads=(body,)
        )
        found = Examiner().examine(sent).transmission.app
        assert (found.id if found else None) == app
        assert found is None or found.source == "says"


PRIVACY_REPORT = "\n".join(
    json.dumps(line)
    for line in (
        {"type": "access", "accessor": {"identifier": "com.a", "identifierType": "bundleID"}},
        {"type": "networkActivity", "domain": "One.example", "bundleID": "com.a", "hits": 2,
         "firstTimeStamp": "2023-11-14T22:10:00.000+00:00", "timeStamp": "2023-11-14T23:20:00.000+01:00"},
        {"type": "networkActivity", "domain": "two.example", "bundleID": "com.a",
         "firstTimeStamp": "2023-11-14T22:10:00Z", "timeStamp": "2023-11-14T22:20:00Z"},
        {"type": "networkActivity", "domain": "two.example", "bundleID": "com.b",
         "firstTimeStamp": "2023-11-14T22:10:00Z", "timeStamp": "2023-11-14T22:20:00Z"},
    )
)  # fmt: skip
TRACKER_CONTROL = (
    '"uid","daddr","time","uncertain","Tracker","Category","Package","App"\r\n'
    '"10123","one.example","1700000100000","0","","","com.a","App, the first"\r\n'
)
PCAPDROID = (
    "IPProto,SrcIP,SrcPort,DstIP,DstPort,UID,App,Proto,Status,Info,BytesSent,BytesRcvd,PktsSent,PktsRcvd,FirstSeen,"
    "LastSeen\n6,10.215.173.1,40000,203.0.113.7,443,10123,First,TLS,Closed,one.example,1,1,1,1,1700000000000,"
    "1700000005000\n"
)


def listed(*texts: str) -> AppList:
    return AppList.of((f"list {number}", text.encode()) for number, text in enumerate(texts))


@pytest.mark.parametrize(
    ("text", "sent", "app"),
    [
        (PRIVACY_REPORT, {"host": "one.example"}, App("", "com.a", "file")),
        (PRIVACY_REPORT, {"host": "one.example", "time": TIME + 3600}, None),
        (PRIVACY_REPORT, {"host": "other.example"}, None),
        (TRACKER_CONTROL, {"host": "one.example"}, App("App, the first", "com.a", "file")),
        (TRACKER_CONTROL, {"host": "one.example", "time": TIME + 3600}, None),
        (PCAPDROID, {"host": "one.example", "port": 443}, App("First", "", "file")),
        (PCAPDROID, {"host": "one.example", "port": 80}, None),
        (PCAPDROID, {"address": "203.0.113.7", "port": 443}, App("First", "", "file")),
    ],
)
def test_a_list_names_the_app_that_fits_destination_and_time(
    text: str, sent: dict[str, object], app: App | None
) -> None:
    found = with_app(Transmission(**({"time": TIME} | sent)), (), KNOWN, listed(text))  # type: ignore[arg-type]
    assert found.app == app
    assert not found.app_candidates


def test_where_several_fit_none_is_named_but_the_one_that_names_itself() -> None:
    apps = listed(PRIVACY_REPORT)
    sent = Transmission(TIME, host="two.example")
    found = with_app(sent, (), KNOWN, apps)
    assert found.app is None
    assert [app.id for app in found.app_candidates] == ["com.a", "com.b"]
    named = with_app(sent._replace(headers=(("X-Requested-With", "com.b"),)), (), KNOWN, apps)
    assert named.app == App("", "com.b", "file")
    other = with_app(sent._replace(headers=(("X-Requested-With", "com.c"),)), (), KNOWN, apps)
    assert other.app is None


def test_what_the_source_knows_goes_before_all_else() -> None:
    app = App("Marked", "com.marked", "packet")
    sent = Transmission(TIME, host="one.example", headers=(("X-Requested-With", "com.b"),), app=app)
    assert with_app(sent, (), KNOWN, listed(PRIVACY_REPORT)).app == app


@pytest.mark.parametrize(
    "text", ["", "hello", "a,b\n1,2\n", '{"type":"access"}', "\x00", '"' * 5, "{" * 100_000]
)
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(AppListError, match="App Privacy Report"):
        listed(text)


def test_lists_are_the_same_in_another_process() -> None:
    apps = listed(PRIVACY_REPORT, PCAPDROID)
    again = pickle.loads(pickle.dumps(Options(apps=apps)))
    assert again == Options(apps=apps)
    assert hash(again) == hash(Options(apps=apps))
    assert again.apps.apps(Transmission(TIME, host="one.example")) == apps.apps(
        Transmission(TIME, host="one.example")
    )


def test_the_report_says_what_each_app_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture, apps = tmp_path / "a.mitm", tmp_path / "apps.ndjson"
    apps.write_text(PRIVACY_REPORT)
    flows = [
        build_flow("https://one.example/", address="203.0.113.1", at=TIME),
        build_flow("https://two.example/", address="203.0.113.2", at=TIME),
        build_flow(
            "https://three.example/", address="203.0.113.3", at=TIME, headers=(("X-Requested-With", "com.a"),)
        ),
        build_flow("https://four.example/", address="203.0.113.4", at=TIME),
    ]
    write_flows(capture, flows)
    out = tmp_path / "report.json"
    assert main(["report", str(capture), "--apps", str(apps), "--quiet", "-o", str(out)]) == 0
    (device,) = json.loads(out.read_text())["devices"]
    assert device["apps"] == [
        {"name": "", "id": "com.a", "sources": ["file", "says"], "transmissions": 2,
         "hosts": ["one.example", "three.example"], "hosts_count": 2, "countries": []}
    ]  # fmt: skip
    rows = {row["host"]: row for row in device["destinations"]}
    assert [app["id"] for app in rows["two.example"]["app_candidates"]] == ["com.a", "com.b"]
    assert rows["four.example"]["apps"] == rows["four.example"]["app_candidates"] == []
    for format_, words in (
        ("terminal", "com.a: 2 hosts (one.example, three.example)"),
        ("markdown", "com.a: 2 hosts"),
        ("html", "2 hosts (one.example, three.example)"),
        ("csv", "com.a (file)"),
    ):
        assert main(["report", str(capture), "--apps", str(apps), "--quiet", "--format", format_]) == 0
        text = capsys.readouterr().out
        assert words in text.replace("\\.", "."), format_
        assert format_ == "csv" or "one of" in text, format_
    assert main(["inspect", str(capture), "--apps", str(apps), "--host", "two.example"]) == 0
    assert "by one of com.a, by a file, com.b, by a file" in capsys.readouterr().out


def test_a_wrong_list_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture, apps = tmp_path / "a.mitm", tmp_path / "apps.csv"
    write_flows(capture, [build_flow("https://one.example/", address="203.0.113.1")])
    apps.write_text("a,b\n")
    assert main(["report", str(capture), "--apps", str(apps)]) == 2
    assert "names no app and destination" in capsys.readouterr().err
    assert main(["report", str(capture), "--apps", str(tmp_path / "none")]) == 2
