"""Local variables: only where they are asked for, of the application's frames, bounded, and without secrets."""

FAILING = """
import json
SETUP
class Odd:
    def __repr__(self):
        raise RuntimeError("asked to show itself")
def charge(amount, password):
    card = "4111 1111 1111 1111"
    settings = {"api_key": "k3y-of-the-shop", "tries": 3, "deep": {"token": "t0ken-deep"}}
    listed = [{"secret": "in-a-list"}, Odd()]
    odd, long = Odd(), "x" * 100_000
    jwt = "y" * 150 + " eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN"
    json.loads("{")
charge(7, "hunter2")
"""
NAME = "otel_insights.exception.locals"


async def test_they_stay_in_the_process_unless_they_are_asked_for(world):
    (event,) = (await world.run(FAILING)).exceptions
    assert NAME not in event.attributes


async def test_they_come_from_the_applications_own_frames_bounded_and_without_secrets(world):
    outcome, _ = await world.both(FAILING, env={"OTEL_INSIGHTS_LOCAL_VARIABLES": "true"})
    (event,) = outcome.exceptions
    frames = {one.key: one.value.kvlist_value for one in event.attributes[NAME].values}
    assert [key.partition(":")[0] for key in frames] == ["<module>", "charge"]
    found = {one.key: one.value for one in frames[list(frames)[1]].values}
    assert found["amount"].string_value == "7"
    assert found["odd"].string_value == "<__main__.Odd>"
    assert len(found["long"].string_value) <= 202
    said = str(frames)
    for secret in ("hunter2", "4111", "k3y-of", "t0ken-deep", "in-a-list", "eyJzdWIi", "asked to show"):
        assert secret not in said
    assert "tries" in said
