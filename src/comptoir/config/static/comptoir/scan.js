// Reads the bars of what somebody holds in their hand, with the camera, where the browser can (BarcodeDetector).
//
//   <form data-scan> … <input name="product"> … <div hidden> <button type="button"> … <video> … <p role="status"> </div></form>
//
// data-scan may name further formats, such as qr_code.
//
// Nothing leaves the browser but the number that was read, in the form as if somebody had typed it. Without this script,
// or in a browser that cannot read bars, the number is typed in.

const FORMATS = ["ean_13", "ean_8", "upc_a", "upc_e", "itf"];
const PAUSE_MS = 200;

async function formats(more) {
  if (!("BarcodeDetector" in window) || !navigator.mediaDevices?.getUserMedia) return [];
  const known = await window.BarcodeDetector.getSupportedFormats().catch(() => []);
  return [...FORMATS, ...more].filter((each) => known.includes(each));
}

async function prepare(form) {
  const found = await formats(form.dataset.scan.split(" ").filter(Boolean));
  if (!found.length) return;
  const panel = form.querySelector("[data-scan-panel]");
  const button = panel.querySelector("button");
  const video = panel.querySelector("video");
  const said = panel.querySelector("[role=status]");
  panel.hidden = false;

  function stop(stream) {
    stream?.getTracks().forEach((track) => track.stop());
    video.hidden = true;
    button.disabled = false;
  }

  button.addEventListener("click", async () => {
    button.disabled = true;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
    } catch {
      said.textContent = said.dataset.refused;
      stop(stream);
      return;
    }
    said.textContent = said.dataset.looking;
    video.srcObject = stream;
    video.hidden = false;
    await video.play();
    const detector = new window.BarcodeDetector({ formats: found });
    const look = async () => {
      if (!stream.active) return;
      const [code] = await detector.detect(video).catch(() => []);
      if (code) {
        stop(stream);
        form.elements.product.value = code.rawValue;
        form.requestSubmit();
        return;
      }
      setTimeout(look, PAUSE_MS);
    };
    look();
    window.addEventListener("pagehide", () => stop(stream), { once: true });
  });
}

document.querySelectorAll("form[data-scan]").forEach(prepare);
