"""FastAPI: what a request raises is handled once for all routes.

`python fastapi_app.py` asks for two pages; `uvicorn fastapi_app:app` serves. Needs FastAPI, and httpx to ask.
"""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

import otel_insights

otel_insights.instrument(service_name="fastapi-shop")
app = FastAPI()
stock = {"apple": 3}


@app.get("/{name}")
async def buy(name: str) -> int:
    """Sell one thing."""
    return stock[name]


@app.exception_handler(Exception)
async def report(request: Request, exception: Exception) -> JSONResponse:
    """Tell what a request raised, and answer 500."""
    otel_insights.record_exception(exception, attributes={"url.path": request.url.path})
    return JSONResponse({"detail": "sorry"}, 500)


if __name__ == "__main__":
    import asyncio

    import httpx

    async def main() -> None:
        """Ask without a server."""
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            for path in ("/apple", "/pear"):
                print((await client.get(path)).status_code)

    asyncio.run(main())
