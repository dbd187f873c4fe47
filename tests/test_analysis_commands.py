"""`analysis run` and `status`, and their route: asked of a service that runs, by its own configuration."""

import json

import httpx
import pytest
from api.serving import listening
from certificates import Authority
from typer.testing import CliRunner

from otel_insights.cli import app


def cli(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["analysis", *words])
    return result.exit_code, result.output


def asking(tmp_path, api: str) -> str:
    path = tmp_path / "config.yaml"
    path.write_text(f"api: {api}\n")
    return str(path)


def test_a_service_analyses_when_told_to_and_tells_of_it(tmp_path):
    with listening("{endpoint: '127.0.0.1:0'}") as served:
        config = asking(tmp_path, f"{{endpoint: '{served.url.removeprefix('http://')}'}}")
        assert cli("run", "--config", config) == (0, "All that had arrived is analysed; 0 clusters\n")
        assert json.loads(cli("run", "--config", config, "--json")[1]) == {"status": "done", "clusters": 0}
        code, text = cli("status", "--config", config)
        assert code == 0
        assert "every 3600 s, where there is news" in text
        told = json.loads(cli("status", "--config", config, "--json")[1])
        assert told["under_way"] is False
        latest = told["latest"][0]
        assert (latest["demanded"], latest["failed"]) == (True, [])
        assert set(latest["processors"]) == {
            "environments", "anomalies", "exceptions", "logs", "runs", "suggestions",
        }  # fmt: skip
        assert httpx.get(f"{served.url}/api/v1/analysis").json()["latest"][0] == latest


def test_tokens_and_the_certificate_are_those_of_the_configuration(tmp_path):
    issued = Authority(tmp_path).issue("server")
    tls = f"tls: {{cert_file: '{issued.cert_file}', key_file: '{issued.key_file}'}}"
    auth = "auth: {read_token: look, write_token: change}"
    with listening(f"{{endpoint: '127.0.0.1:0', {auth}, {tls}}}") as served:
        endpoint = served.url.removeprefix("https://")
        right = asking(tmp_path, f"{{endpoint: '{endpoint}', {auth}, {tls}}}")
        assert cli("run", "--config", right)[0] == 0
        only_read = asking(tmp_path, f"{{endpoint: '{endpoint}', auth: {{read_token: look}}, {tls}}}")
        assert cli("status", "--config", only_read)[0] == 0
        code, text = cli("run", "--config", only_read)
        assert code == 1
        assert "answers 403" in text


@pytest.mark.parametrize(
    ("api", "code", "told"),
    [("{endpoint: '127.0.0.1:9'}", 1, "no service answers at 127.0.0.1:9"), ("null", 2, "expected an API")],
)
def test_where_nobody_answers_that_is_told(tmp_path, api, code, told):
    got, text = cli("run", "--config", asking(tmp_path, api))
    assert got == code
    assert told in text
