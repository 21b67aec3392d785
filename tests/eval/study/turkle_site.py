"""Settings of a Turkle site for the tests, as its documentation asks for; data is in the folder TURKLE_DATA."""

from __future__ import annotations

import os
from pathlib import Path

DEBUG = True
SECRET_KEY = "of a site that only tests reach"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "turkle_urls"
INSTALLED_APPS = [
    "turkle",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "djaa_list_filter2",
    "guardian",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
CONTEXT = ["django.template.context_processors.request", "django.contrib.auth.context_processors.auth"]
CONTEXT += ["django.contrib.messages.context_processors.messages", "turkle.utils.turkle_vars"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": CONTEXT},
    }
]
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "guardian.backends.ObjectPermissionBackend"]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(Path(os.environ["TURKLE_DATA"]) / "turkle.sqlite")}
}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 104_857_600
STATIC_URL = "/static/"
USE_TZ = True
LOGIN_REDIRECT_URL = "/"
TURKLE_AUTO_ACCEPT_DEFAULT = False
