// Says on the page what became of a passkey that was asked for and not shown. Not here: the asking (django-allauth).
const problem = document.querySelector('[data-passkey-problem]')

document.addEventListener('allauth.error', (event) => {
  event.preventDefault()
  if (!problem) return
  problem.hidden = false
  problem.focus()
})

for (const button of document.querySelectorAll('[data-passkey]')) {
  button.addEventListener('click', () => { if (problem) problem.hidden = true })
}
