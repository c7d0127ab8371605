"""Raw values under the names that their kinds give them."""

from dashboards.language import LANGUAGES
from dashboards.vocabulary import vocabulary
from devices.kind import kinds


def test_every_metric_of_every_kind_has_a_name_in_both_languages() -> None:
    for language in LANGUAGES:
        words = vocabulary(language)
        assert set(words) == set(kinds())
        for name, kind in kinds().items():
            assert set(words[name]["metrics"]) == {metric.name for metric in kind.metrics}
            assert all(metric["label"] for metric in words[name]["metrics"].values())


def test_the_languages_differ() -> None:
    temperatures = {
        vocabulary(language)["room_air"]["metrics"]["Temperature"]["label"] for language in LANGUAGES
    }
    assert len(temperatures) == 2
