"""Superset's settings. Values that differ between machines are read from files under ETL_HOME/.services/superset (mode 0600).

Loaded by Superset through SUPERSET_CONFIG_PATH; `python -m etl dashboards` writes the files and starts the server.
"""

import hashlib
import hmac
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import event
from sqlalchemy.engine import Engine, make_url

# Superset reads this file at the end of its defaults, so they are defined.
from superset.config import THEME_DEFAULT as _THEME

_HOME = Path(os.environ.get("ETL_HOME") or Path(__file__).resolve().parent.parent)
_FOLDER = _HOME / ".services" / "superset"


def _connections() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((_FOLDER / "connections.json").read_text("utf-8"))
    return read


def _password_of(url: Any) -> str | None:
    """The password of the data's read-only role, and of no other connection."""
    data = _connections()["data"]
    # Not `set`: it treats None as "unchanged".
    return data["password"] if url._replace(password=None) == make_url(data["url"]) else None


def _derived(purpose: str) -> str:
    return hmac.new(SECRET_KEY.encode(), purpose.encode(), hashlib.sha256).hexdigest()


# --- secrets and databases -------------------------------------------------------------------------------------------

SECRET_KEY = (_FOLDER / "secret_key").read_text("utf-8").strip()
GUEST_TOKEN_JWT_SECRET = _derived("guest tokens")
GLOBAL_ASYNC_QUERIES_JWT_SECRET = _derived("asynchronous queries")

SQLALCHEMY_DATABASE_URI = _connections()["metadata"]
# PostgreSQL may have been restarted since; and two workers share its connections with the jobs.
SQLALCHEMY_ENGINE_OPTIONS = {"pool_pre_ping": True, "pool_size": 4, "max_overflow": 4}
# Passwords are neither in an asset nor in the metadata.
SQLALCHEMY_CUSTOM_PASSWORD_STORE = _password_of
_STATEMENT_SECONDS = 60


@event.listens_for(Engine, "connect")
def _limit_statements(connection: Any, _: Any) -> None:
    """ODBC takes the limit only as an attribute of a connection; psycopg2 has it among its options."""
    if hasattr(connection, "timeout"):
        connection.timeout = _STATEMENT_SECONDS


# --- access ----------------------------------------------------------------------------------------------------------

AUTH_USER_REGISTRATION = False
PUBLIC_ROLE_LIKE = None
FAB_API_SWAGGER_UI = False
WTF_CSRF_ENABLED = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# Browsers keep cookies by host and not by port; two projects on one machine must not sign each other out.
SESSION_COOKIE_NAME = f"etl_{hashlib.sha256(str(_HOME).encode()).hexdigest()[:8]}"
ENABLE_CORS = False
CONTENT_SECURITY_POLICY_WARNING = False
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    # Nothing is fetched from or sent to any other host: by default Superset's pages request a tracking pixel.
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'", "data:"],
        "script-src": ["'self'", "'strict-dynamic'"],
        "frame-ancestors": ["'self'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    # It listens on 127.0.0.1 only, or behind a proxy that knows better (docs/containers.md).
    "force_https": False,
    "session_cookie_secure": False,
}

# --- behaviour -------------------------------------------------------------------------------------------------------

FEATURE_FLAGS = {
    "DASHBOARD_CROSS_FILTERS": True,
    # A table's rows beyond those that it shows, up to SQL_MAX_ROW, for whoever may download at all.
    "ALLOW_FULL_CSV_EXPORT": True,
    "ALERT_REPORTS": False,
    "TAGGING_SYSTEM": False,
}
# Readings must be as new as the last load: only the state of filters is cached.
CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
DASHBOARD_AUTO_REFRESH_MODE = "fetch"
SUPERSET_DASHBOARD_PERIODICAL_REFRESH_LIMIT = 0
SUPERSET_WEBSERVER_TIMEOUT = 60
ROW_LIMIT = 50_000
SQL_MAX_ROW = 100_000
LANGUAGES: dict[str, Any] = {}
LOG_LEVEL = "WARNING"

# --- appearance ------------------------------------------------------------------------------------------------------

APP_NAME = "IoT ETL"
LOGO_TARGET_PATH = "/dashboard/list/"
THEME_DARK = None
ENABLE_UI_THEME_ADMINISTRATION = False

# Okabe and Ito's colours, which colour-blind people can distinguish; without yellow, which is invisible on white.
# The dashboards' label_colors give the first four their meaning: success, failed, running, warning.
EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "etl",
        "label": "IoT ETL",
        "description": "success, failed, running, warning, then others",
        "isDefault": True,
        "colors": ["#009E73", "#D55E00", "#0072B2", "#E69F00", "#56B4E9", "#CC79A7", "#7F7F7F", "#8C6D31", "#5D3A9B"],
    }
]
EXTRA_SEQUENTIAL_COLOR_SCHEMES = [
    {
        "id": "etl_scale",
        "label": "IoT ETL, low to high",
        "description": "",
        "isDiverging": False,
        "isDefault": True,
        "colors": ["#E8F1F8", "#B5D3E7", "#6FAED6", "#2F7FB8", "#0072B2", "#084A7A"],
    }
]
_LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="132" height="28" viewBox="0 0 132 28">'
    '<rect x="2" y="15" width="6" height="11" rx="1.5" fill="#0072B2"/>'
    '<rect x="11" y="9" width="6" height="17" rx="1.5" fill="#009E73"/>'
    '<rect x="20" y="2" width="6" height="24" rx="1.5" fill="#E69F00"/>'
    '<text x="36" y="21" font-family="Inter, Helvetica, Arial, sans-serif" font-size="20" font-weight="600" '
    'fill="#333">IoT ETL</text></svg>'
)
THEME_DEFAULT = {
    **_THEME,
    "token": {
        **_THEME["token"],
        "brandAppName": APP_NAME,
        "brandLogoAlt": APP_NAME,
        "brandLogoUrl": "data:image/svg+xml," + quote(_LOGO),
        "brandLogoHref": LOGO_TARGET_PATH,
        "colorPrimary": "#0072B2",
        "colorLink": "#0072B2",
        "colorError": "#D55E00",
        "colorWarning": "#E69F00",
        "colorSuccess": "#009E73",
        "colorInfo": "#56B4E9",
    },
}
