{% load static %}// Shows what the shop's vault sends to this browser, and leads to the page that has it all. It looks at no page and
// keeps nothing.

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("push", (event) => {
  let said;
  try {
    said = event.data.json();
  } catch {
    return;
  }
  event.waitUntil(self.registration.showNotification(String(said.title), {
    body: String(said.body), lang: String(said.language), tag: "news", icon: "{% static 'comptoir/icon-192.png' %}",
    data: String(said.url),
  }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  if (/^https?:\/\//.test(event.notification.data)) event.waitUntil(self.clients.openWindow(event.notification.data));
});
