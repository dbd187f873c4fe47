"""A worker on asyncio: tasks that fail and that nobody awaits arrive; the worker goes on."""

import asyncio

import otel_insights

otel_insights.instrument(service_name="mailer")


@otel_insights.exception_telemetry(feature="mail")
async def send(address: str) -> None:
    """Send a mail, or fail."""
    await asyncio.sleep(0)
    if "@" not in address:
        raise ValueError(f"no address: {address}")


async def main() -> None:
    """Send three; one fails, which is reported once, though both the decorator and the loop see it."""
    tasks = [asyncio.create_task(send(one)) for one in ("ann@shop.example", "nobody", "bob@shop.example")]
    await asyncio.wait(tasks)
    print("sent:", sum(task.exception() is None for task in tasks))


asyncio.run(main())
