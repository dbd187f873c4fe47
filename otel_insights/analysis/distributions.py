"""Which package a module comes from, where their names differ: stack traces name modules, installations packages."""

from otel_insights.analysis.versions import normalise_package

_DISTRIBUTIONS = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "crypto": "pycryptodome",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "distutils": "setuptools",
    "dotenv": "python-dotenv",
    "git": "gitpython",
    "google": "protobuf",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "kafka": "kafka-python",
    "magic": "python-magic",
    "multipart": "python-multipart",
    "mysqldb": "mysqlclient",
    "openssl": "pyopenssl",
    "pil": "pillow",
    "pkg-resources": "setuptools",
    "psycopg2": "psycopg2-binary",
    "rest-framework": "djangorestframework",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "socks": "pysocks",
    "usb": "pyusb",
    "websocket": "websocket-client",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}


def distribution(module: str) -> str:
    """Return the normalised name of the package that a top-level module usually comes from.

    Most modules carry their package's name. A package that is installed under two names (psycopg2 and
    psycopg2-binary) is given by the commoner one.

    >>> distribution("PIL"), distribution("typing_extensions")
    ('pillow', 'typing-extensions')
    """
    name = normalise_package(module)
    return _DISTRIBUTIONS.get(name, name)
