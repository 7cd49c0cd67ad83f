"""What the vault answers to: signing in, factors, and the step into the other rooms. No password, no sign-up."""

from __future__ import annotations

from allauth.account import views as account
from allauth.mfa import urls as factors
from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import set_language

from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.web import all_in_room, health, in_room
from comptoir.vault.attestations import urls as proofs
from comptoir.vault.checkout import urls as checkout
from comptoir.vault.checkout.views import arrive
from comptoir.vault.contacts import urls as contacts
from comptoir.vault.contacts.subscribing import subscribe
from comptoir.vault.credentials.commands import remove_address, step_back
from comptoir.vault.credentials.queries import customer_of
from comptoir.vault.credentials.views import (
    cards,
    entrance,
    limits,
    openid,
    passkeys,
    recovery,
    safety,
    sessions,
    spending,
    terms,
)
from comptoir.vault.credentials.web import alike_for_nobody, contact_changed, contact_seen
from comptoir.vault.devices import urls as devices
from comptoir.vault.lists import urls as lists
from comptoir.vault.messages import urls as messages
from comptoir.vault.payments import urls as payments
from comptoir.vault.rights import urls as rights

#: Of a library only what is used here: its sign-up, its passwords and its e-mail pages have no address.
_account: list[URLPattern | URLResolver] = [
    path("sign-out/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("sign-in/code/", account.request_login_code, name="account_request_login_code"),
    path("sign-in/code/confirm/", alike_for_nobody(account.confirm_login_code), name="account_confirm_login_code"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("prove/", include(proofs.urlpatterns)),
    path("lists/", include(lists.urlpatterns)),
    path("notifications/", subscribe, name="subscribe"),
    path("messages/", include(messages.urlpatterns)),
    path("payments/", include(payments.urlpatterns)),
    path("checkout/", include(checkout.urlpatterns)),
    path("health", health(VAULT), name="health"),
    path("", entrance.home, name="vault"),
    path("language", in_room(VAULT, is_open=True)(set_language), name="vault_language"),
    path("sign-in/", entrance.sign_in, name="account_login"),
    path("sign-in/with/<slug:name>/", openid.begin, name="openid_begin"),
    path("sign-in/with/<slug:name>/back/", openid.back, name="openid_back"),
    path("sign-in/with/<slug:name>/signed-out/", openid.signed_out, name="openid_signed_out"),
    path("confirm/with/<slug:name>/", openid.confirm, name="openid_confirm"),
    path("providers/<slug:name>/link/", openid.link, name="openid_link"),
    path("sign-in/passkey/", entrance.by_passkey, name="by_passkey"),
    path("passkey/make/", entrance.make_passkey, name="make_passkey"),
    path("enter/<str:secret>/", entrance.enter, name="enter"),
    path("continue/<slug:room>/", entrance.go_on, name="go_on"),
    path("confirm/", passkeys.confirm, name="confirm"),
    path("passkeys/", passkeys.own, name="passkeys"),
    path("passkeys/add/", passkeys.add, name="add_passkey"),
    path("passkeys/<int:number>/remove/", passkeys.remove, name="remove_passkey"),
    path("arrive/", arrive, name="arrive"),
    path("cards/", cards.ask, name="ask_card"),
    path("cards/show/", cards.show, name="show_card"),
    path("cards/link/", cards.link, name="link_card"),
    path("spend/", spending.ask, name="spend"),
    path("spend/sign/", spending.sign, name="sign_spending"),
    path("terms/", terms.ask, name="terms"),
    path("terms/sign/", terms.sign, name="sign_terms"),
    path("limits/", limits.ask, name="limits"),
    path("limits/sign/", limits.sign, name="sign_limits"),
    path("address/", safety.address, name="address"),
    path("address/prove/", safety.prove_address, name="prove_address"),
    path("recover/", safety.recover, name="recover"),
    path("recover/<str:secret>/", recovery.recover, name="recover_in_person"),
    path("recoveries/", recovery.allow, name="allow_recovery"),
    path("freeze/<str:secret>/", safety.freeze, name="freeze"),
    path("thaw/", safety.thaw, name="thaw"),
    path("step-back/", safety.closeness, name="step_back"),
    path("sign-ins/", sessions.own, name="sign_ins"),
    path("sign-ins/end/", sessions.end_all, name="end_sign_ins"),
    path("sign-ins/<uuid:sign_in>/end/", sessions.end, name="end_sign_in"),
    path("contact/lists/", include(lists.own_patterns(guarded=contact_changed))),
    path(
        "contact/",
        include(
            contacts.patterns(
                seen=contact_seen,
                changed=contact_changed,
                email_at="address",
                remove_email=remove_address,
                destroy=step_back,
            )
        ),
    ),
    path("", include(rights.patterns(seen=contact_seen, changed=contact_changed))),
    path(
        "devices/", include(devices.patterns(seen=in_room(VAULT), allowed=entrance.may_pair, customer_of=customer_of))
    ),
    *all_in_room(VAULT, _account),
    # Signing in by a passkey is the house's own: every refusal has its name.
    path("factors/webauthn/login/", entrance.by_passkey, name="mfa_login_webauthn"),
    path("factors/", include(all_in_room(VAULT, factors.urlpatterns, guard=entrance.only_with_strong_means))),
]
