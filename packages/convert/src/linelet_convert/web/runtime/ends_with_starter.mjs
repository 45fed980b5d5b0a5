// Imported by what Linelet runs in Node: ends this process when the one that started it has ended, however that came.
// That one holds the other end of our stdin. A thread of its own looks, for the main one may compute for minutes; run by
// hand, at a terminal or with a file for stdin, nobody is looked for.
import { fstatSync } from "node:fs";
import { Worker } from "node:worker_threads";

const watch = `
  const starter = new (require("node:net").Socket)({ fd: 0, readable: true, writable: false });
  starter.on("close", () => process.kill(process.pid, "SIGKILL"));
  starter.resume();
`;
if (fstatSync(0).isFIFO()) new Worker(watch, { eval: true }).unref();
