"""Where alerts are sent: webhook, Slack, e-mail. The environment configures them, so that the UI shows no secret.

| channel | variables |
|---|---|
| webhook | ANCHOR_ALERT_WEBHOOK: address that is sent the alert as JSON by POST |
| slack | ANCHOR_ALERT_SLACK_TOKEN, ANCHOR_ALERT_SLACK_CHANNEL; ANCHOR_ALERT_SLACK_URL for another API address |
| email | ANCHOR_ALERT_EMAIL_TO, _EMAIL_FROM, _SMTP_HOST, _SMTP_PORT, _SMTP_USER, _SMTP_PASSWORD, _SMTP_TYPE |
"""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Callable
from email.message import EmailMessage

from anchor_pipeline.errors import UsageError
from anchor_pipeline.orchestration.alerts.documents import Alert

Channel = Callable[[Alert], None]

_SECONDS = 10
_P = "ANCHOR_ALERT_"


def channels() -> dict[str, Channel]:
    """The channels that the environment configures, by name. Each raises what its library raises."""
    known: dict[str, tuple[str, Channel]] = {
        "webhook": (f"{_P}WEBHOOK", _webhook),
        "slack": (f"{_P}SLACK_TOKEN", _slack),
        "email": (f"{_P}EMAIL_TO", _email),
    }
    return {name: send for name, (variable, send) in known.items() if os.environ.get(variable)}


def _needed(name: str) -> str:
    value = os.environ.get(f"{_P}{name}")
    if not value:
        raise UsageError(f"set {_P}{name} as well")
    return value


def _webhook(alert: Alert) -> None:
    document = {**alert.model_dump(mode="json"), "headline": alert.headline, "lines": alert.lines}
    data = json.dumps(document).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "anchor-pipeline"}
    address = _needed("WEBHOOK")
    if not address.startswith(("http://", "https://")):
        raise UsageError(f"{_P}WEBHOOK must be an http or https address")
    request = urllib.request.Request(address, data, headers, method="POST")
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        answer.read()


def _slack(alert: Alert) -> None:
    try:
        from dagster_slack import SlackResource
    except ImportError:
        raise UsageError("Slack needs an extra: pip install 'anchor-pipeline[slack]'") from None
    client = SlackResource(token=_needed("SLACK_TOKEN")).get_client()
    client.timeout = _SECONDS
    # Slack has other addresses for governments.
    client.base_url = os.environ.get(f"{_P}SLACK_URL") or client.base_url
    text = "\n".join([f"*{alert.headline}*", *alert.lines])
    client.chat_postMessage(channel=_needed("SLACK_CHANNEL"), text=text)


def _email(alert: Alert) -> None:
    # What Dagster's own make_email_on_run_failure_sensor sends with; TLS in both cases.
    from dagster._utils.alert import send_email_via_ssl, send_email_via_starttls

    sender, receivers = _needed("EMAIL_FROM"), [one.strip() for one in _needed("EMAIL_TO").split(",")]
    kind = os.environ.get(f"{_P}SMTP_TYPE", "STARTTLS").upper()
    if kind not in ("SSL", "STARTTLS"):
        raise UsageError(f"{_P}SMTP_TYPE can be SSL or STARTTLS")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, ", ".join(receivers), alert.headline
    message.set_content("\n".join(alert.lines))
    send = send_email_via_ssl if kind == "SSL" else send_email_via_starttls
    send(
        email_from=sender,
        email_password=_needed("SMTP_PASSWORD"),
        email_to=receivers,
        message=message.as_string(),
        smtp_host=_needed("SMTP_HOST"),
        smtp_port=int(os.environ.get(f"{_P}SMTP_PORT") or (465 if kind == "SSL" else 587)),
        smtp_user=os.environ.get(f"{_P}SMTP_USER") or sender,
    )
