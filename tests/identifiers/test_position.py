import pytest

from tests.identifiers.build import Declared, brief, decoded, recognise


def test_a_pair_in_one_object() -> None:
    assert brief(recognise(decoded({"lat": 59.91273, "lng": "10.74609"}))) == [
        ("position", "59.91273,10.74609", "likely")
    ]


def test_halves_in_two_objects_are_none() -> None:
    assert recognise(decoded({"lat": 59.91273}, {"lng": 10.74609})) == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"lat": 59.9, "lng": 10.7},  # a town
        {"lat": 91.12345, "lng": 10.74609},
        {"lat": 59.91273, "lng": 181.12345},
        {"lat": 0.0, "lng": 0.0},
        {"lat": 59.91273, "lng": 59.91273},
        {"is_lat": 1, "lng": "en"},
        {"lat": "1", "lon": "0"},
    ],
)
def test_pairs_that_are_no_position(fields: dict[str, object]) -> None:
    assert recognise(decoded(fields)) == ()


@pytest.mark.parametrize(
    ("fields", "value", "certainty"),
    [
        ({"location": "59.91273,10.74609"}, "59.91273,10.74609", "likely"),
        ({"ll": "59.91273, 10.74609"}, "59.91273,10.74609", "likely"),
        ({"x-geo": "geo:59.91273,10.74609;u=35"}, "59.91273,10.74609", "likely"),
        ({"lnglat": "10.74609,59.91273"}, "59.91273,10.74609", "likely"),
        ({"latlng": [59.91273, 10.74609]}, "59.91273,10.74609", "likely"),
        ({"coordinates": [10.74609, 59.91273]}, "59.91273,10.74609", "possible"),  # GeoJSON, or a touch
        ({"latitudeE7": 599127300, "longitudeE7": 107460900}, "59.9127300,10.7460900", "likely"),
        ({"latitude": -33.856784, "longitude": -151.215297}, "-33.856784,-151.215297", "likely"),
    ],
)
def test_dresses(fields: dict[str, object], value: str, certainty: str) -> None:
    assert brief(recognise(decoded(fields))) == [("position", value, certainty)]


def test_several_objects_give_several() -> None:
    found = recognise(decoded({"lat": 59.91273, "lon": 10.74609}, {"lat": 60.39299, "lon": 5.32415}))
    assert [each.value for each in found] == ["59.91273,10.74609", "60.39299,5.32415"]


def test_declared_fields_need_no_names() -> None:
    fields = (Declared(("body", "json", "2.1"), "position"), Declared(("body", "json", "2.2"), "position"))
    (found,) = recognise(decoded({"2.1": 59.9, "2.2": 10.7}), fields)
    assert (found.value, found.certainty) == ("59.9,10.7", "certain")
    assert "said so by its maker" in found.reason


def test_many_pairs_are_bounded() -> None:
    found = recognise(decoded(*({"lat": 10.0 + n / 1000 + 0.0001, "lng": 20.12345} for n in range(2000))))
    assert len(found) == 256


@pytest.mark.parametrize(
    ("name", "certainty"), [("location", "likely"), ("lastKnownLocation", "likely"), ("geometry", "possible")]
)
def test_geojson_is_as_sure_as_the_name_around_it(name: str, certainty: str) -> None:
    point = {"type": "Point", "coordinates": [10.74609, 59.91273]}
    found = recognise(decoded(point, root=("body", "json", name)))
    assert brief(found) == [("position", "59.91273,10.74609", certainty)]
