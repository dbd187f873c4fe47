"""A plain script: what nobody catches arrives, and the script ends as it would without."""

import otel_insights

otel_insights.instrument(service_name="nightly-report")


def total(orders: list[dict[str, int]]) -> int:
    """Add up; an order without a price ends the script."""
    return sum(order["price"] for order in orders)


print("total:", total([{"price": 3}, {"price": 4}]))
print("total:", total([{"price": 3}, {"prize": 4}]))
