"""Top-level modules of widely used distributions: needed where libraries lie beside the application."""

_NAMES = """
    _pytest absl adal aenum aiobotocore aiocache aiodns aiofiles aiohappyeyeballs aiohttp aiokafka aiomysql aiopg
    aioredis aiosignal aiosqlite alembic altair amqp aniso8601 ansible anthropic anyio apscheduler argon2 arq arrow
    asgiref asttokens asyncpg asyncssh atheris attr attrs authlib autobahn automat aws_lambda_powertools
    aws_xray_sdk azure babel backoff backports bcrypt beanie billiard bleach blinker bokeh boltons boto boto3
    botocore bottle braintree brotli bs4 bson cachetools cassandra catboost cattr cattrs celery cerberus certifi
    cffi chardet charset_normalizer cherrypy chromadb click cloudpickle colorama colorlog commonmark confluent_kafka
    connexion cryptography cssselect curl_cffi cv2 cython dask dataclasses_json datadog dateutil ddtrace decorator
    deepdiff defusedxml deprecated diskcache django django_filters dns docker docutils docx dogpile dotenv dramatiq
    drf_spectacular drf_yasg dulwich ecdsa elastic_transport elasticsearch elasticsearch_dsl email_validator emoji
    engineio eventlet exceptiongroup executing fabric faker fastapi fastavro fastjsonschema filelock fiona flair
    flask flask_admin flask_cors flask_login flask_migrate flask_restful flask_sqlalchemy flask_wtf freezegun
    frozenlist fsspec ftfy gast gensim geopandas gevent git github gitlab google googleapiclient gradio graphene
    graphql greenlet gridfs grpc grpc_status gspread gunicorn h11 h2 h5py hiredis hpack html5lib httpcore httplib2
    httptools httpx huey huggingface_hub humanize hvac hypercorn hyperlink ibm_db idna imageio imblearn
    importlib_metadata importlib_resources inflection influxdb influxdb_client invoke ipywidgets isodate
    itsdangerous jaeger_client janus jax jellyfish jinja2 jira jmespath joblib jose jsonpatch jsonpath_ng jsonpickle
    jsonpointer jsonschema jwt kafka keras keyring kombu kubernetes langchain langchain_community langchain_core
    langgraph langsmith ldap ldap3 lightgbm litellm litestar llama_index llvmlite locust logfire loguru lxml mako
    markdown markdown_it markupsafe marshmallow marshmallow_sqlalchemy matplotlib mlflow mock mongoengine monotonic
    more_itertools moto mpmath msal msgpack msgspec multidict multipart mypy_extensions mysql MySQLdb nacl neo4j
    networkx newrelic nltk numba numexpr numpy oauthlib odmantic onnx onnxruntime openai openapi_core openpyxl
    opensearchpy opentelemetry opentracing oracledb orjson ormar oscrypto packaging pandas paramiko parso passlib
    pathos peewee pendulum phonenumbers pika pikepdf PIL pinecone pip pkg_resources platformdirs playwright plotly
    pluggy ply polars polyfactory portalocker prefect prometheus_client prompt_toolkit propcache protobuf psutil
    psycopg psycopg2 psycopg_pool ptyprocess pulsar pyarrow pyasn1 pyathena pycparser pycurl pydantic pydantic_core
    pydantic_settings pydub pygments pylibmc pymemcache pymongo pymssql pymysql pyodbc pyparsing pypdf PyPDF2
    pyramid pyspark pytest pythonjsonlogger pytz qdrant_client quart rasterio ratelimit redis rediscluster redlock
    referencing regex reportlab requests requests_oauthlib requests_toolbelt respx rest_framework retrying rich rpds
    rq rsa ruamel s3fs s3transfer sagemaker sanic scipy scrapy seaborn selenium sendgrid sentence_transformers
    sentry_sdk service_identity setuptools shapely shortuuid simple_salesforce simplejson six sklearn slack_bolt
    slack_sdk slugify smart_open sniffio snowflake socketio socks sortedcontainers soupsieve spacy sqlalchemy
    sqlalchemy_utils sqlglot sqlite_utils sqlmodel sqlparse sshtunnel starlette statsmodels strawberry streamlit
    stripe structlog supabase sympy tablib tabulate telegram temporalio tenacity tensorboard tensorflow textual
    thefuzz thinc tiktoken timm tinydb tokenizers toml tomli tomlkit toolz torch torchvision tornado tortoise tqdm
    trafaret traitlets transformers trio triton twilio twisted txaio typeguard typer typing_extensions
    typing_inspection tzlocal ujson unidecode uritemplate urllib3 uvicorn uvloop vcr vine voluptuous waitress wandb
    watchdog watchfiles watchtower wcwidth weasyprint weaviate webargs webob websocket websockets werkzeug wheel
    whitenoise wrapt wsproto wtforms xgboost xlrd xlsxwriter xmlsec xmltodict xxhash yaml yarl zeep zipp zmq zope
    zstandard
"""

KNOWN_LIBRARIES = frozenset(_NAMES.split())
