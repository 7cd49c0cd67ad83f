"""The addresses of the shop of django-oscar: its own, and two for what it does behind its pages."""

import ordering
from django.apps import apps
from django.urls import include, path

urlpatterns = [
    path("bench/price/<int:number>", ordering.price),
    path("bench/order", ordering.order),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include(apps.get_app_config("oscar").urls[0])),
]
