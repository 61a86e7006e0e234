from phonehome.analysis.identifiers.apps import is_package
from tests.identifiers.build import Declared, decoded, recognise

APPS = [
    "com.whatsapp",
    "org.mozilla.firefox",
    "no.nrk.mobil.tv",
    "de.bahn.db",
    "com.android.chrome",
    "com.spotify.music",
]


def test_packages() -> None:
    assert all(map(is_package, APPS))
    assert not is_package("www.example.com")
    assert not is_package("com.example.MainActivity")
    assert not is_package("android.permission.INTERNET")
    assert not is_package("com.")
    assert not is_package("com." + "a." * 100 + "b")


def test_a_list_under_its_name() -> None:
    (found,) = recognise(decoded({"appList": APPS}))
    assert (found.kind, found.certainty) == ("installed-apps", "likely")
    assert found.value.split(",") == sorted(APPS)
    assert "6 package names" in found.reason


def test_one_name_for_each_in_a_list_of_objects() -> None:
    (found,) = recognise(
        decoded(*({"packageName": app, "v": 3} for app in APPS), root=("body", "json", "apps"))
    )
    assert found.kind == "installed-apps"


def test_four_are_none() -> None:
    assert recognise(decoded({"appList": APPS[:4]})) == ()
    assert recognise(decoded({"appList": APPS[:4] * 5})) == ()


def test_a_list_in_one_text() -> None:
    (found,) = recognise(decoded({"packages": ";".join(APPS)}))
    assert found.value.split(",") == sorted(APPS)


def test_a_list_under_another_name_is_possible() -> None:
    more = [f"com.example.app{n}" for n in "abcde"]
    (found,) = recognise(decoded({"4.2": more}))
    assert (found.kind, found.certainty) == ("installed-apps", "possible")


def test_packages_as_names() -> None:
    (found,) = recognise(decoded(dict.fromkeys(APPS, 1)))
    assert (found.kind, found.certainty) == ("installed-apps", "possible")


def test_packages_in_different_places_are_no_list() -> None:
    fields = {name: f"com.example.app{name}" for name in "abcdefgh"}
    assert recognise(decoded(fields)) == ()


def test_declared() -> None:
    fields = (Declared(("body", "json", "1.1"), "installed-apps"),)
    (found,) = recognise(decoded({"1.1": APPS}), fields)
    assert found.certainty == "certain"
