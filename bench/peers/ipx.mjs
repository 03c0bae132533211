// ipx over a folder of originals: node server.mjs PORT FOLDER WEBP_EFFORT
import { createServer } from "node:http";
import sharp from "sharp";
import { createIPX, createIPXNodeServer, ipxFSStorage } from "ipx";

const [port, folder, webpEffort] = process.argv.slice(2);

// ipx cannot name an effort, so the encoders' defaults are set to what the others use.
const defaults = { webp: { effort: Number(webpEffort) }, avif: { effort: 0, chromaSubsampling: "4:2:0" } };
const toFormat = sharp.prototype.toFormat;
sharp.prototype.toFormat = function (format, options = {}) {
  return toFormat.call(this, format, { ...defaults[format], ...options });
};
sharp.concurrency(1);
sharp.cache(false);

const ipx = createIPX({ storage: ipxFSStorage({ dir: folder, maxAge: 0 }), maxAge: 0 });
createServer(createIPXNodeServer(ipx)).listen(Number(port), "127.0.0.1");
