"""A report over a table."""


def work() -> None:
    """Sum up a column."""
    import pandas as pd  # noqa: PLC0415 - where these two packages do not get along, it fails here

    orders = pd.DataFrame({"country": ["de", "fr", "de"], "amount": [1, 2, 3]})
    assert orders.groupby("country")["amount"].sum()["de"] == 4  # noqa: S101, PLR2004
