// Services that belong together: started in order, kept running, stopped in order, and none survives this program.
// Run: deno run --allow-ffi --allow-run --allow-read --allow-write examples/supervise.ts
// Expect: started: db web
// Expect: web asks the database: pong
// Expect: restarted: db web
// Expect: stopped: web db
// Expect: given up: Service "storm" was started 3 times within 10000 ms, which is too often; at last it exited with code 1
// Expect: it said: no config
import { command, connectUnix, ServiceFailedError, supervise } from "../mod.ts";

const directory = await Deno.makeTempDir();
const path = `${directory}/db`;
const server = `
  const listener = Deno.listen({ transport: "unix", path: ${JSON.stringify(path)} });
  for await (const connection of listener) {
    await connection.write(new TextEncoder().encode("pong")).catch(() => {}); // who only looks whether we are there is gone
    connection.close();
  }`;

{
  const ready: string[] = [];
  const stopped: string[] = [];
  await using services = await supervise({
    // It listens some time after its start: web is not started before it does.
    db: {
      command: command("sh", ["-c", `rm -f "$1"; exec "$2" eval "$3"`, "sh", path, Deno.execPath(), server]),
      ready: { socket: path },
      restart: { when: "always", delayMs: 10 },
    },
    // Started again whenever the database is.
    web: { command: command("sleep", ["1000"]), needs: ["db"], whenNeedsRestart: "restart" },
  }, {
    onEvent(event) {
      if (event.kind === "service.ready") ready.push(event.name);
      if (event.kind === "service.exit" && event.stopped) stopped.push(event.name);
    },
  });
  await services.ready;
  console.log(`started: ${ready.splice(0).join(" ")}`);
  using socket = await connectUnix(path);
  console.log(`web asks the database: ${await new Response(socket.readable).text()}`);

  await services.restart("db");
  await services.start("web");
  console.log(`restarted: ${ready.join(" ")}`);
  stopped.length = 0;
  await services.close();
  console.log(`stopped: ${stopped.join(" ")}`);
}

// Who ends again and again is given up, and what it said last is told.
const storm = await supervise({
  storm: { command: command("sh", ["-c", "echo no config >&2; exit 1"]), restart: { delayMs: 1, maxStarts: 3 } },
});
const { error } = await storm.finished;
if (error instanceof ServiceFailedError) {
  const [what] = error.message.split("\n");
  console.log(`given up: ${what}\nit said: ${error.stderrLines.join(" ")}`);
}
await Deno.remove(directory, { recursive: true });
