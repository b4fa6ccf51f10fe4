// Drives programs that want a person at a terminal: they prompt, hide a password, and obey Ctrl-C.
// deno run --allow-ffi --allow-run=sh,sleep examples/terminal.ts
// Expect: the program greets Ada
// Expect: the password was shown: false
// Expect: after Ctrl-C: SIGINT
// Expect: the window is 132 columns wide
import { command, spawnPty } from "../mod.ts";

// A program that asks. It has a terminal of its own, and believes that somebody sits there.
{
  const login =
    `printf 'Name: '; read name; stty -echo; printf 'Password: '; read word; stty echo; echo; echo "Hello, $name"`;
  await using pty = spawnPty(command("sh", ["-c", login]));
  await pty.waitFor("Name: ");
  await pty.send("Ada\n");
  await pty.waitFor("Password: ");
  await pty.send("s3cret\n");
  const { before, groups } = await pty.waitFor(/Hello, (\w+)/, { timeoutMs: 5000 });
  console.log("the program greets", groups[0]);
  console.log("the password was shown:", before.includes("s3cret"));
}

// Ctrl-C is a key: the kernel makes a signal of it.
{
  await using pty = spawnPty(command("sh", ["-c", "echo ready; exec sleep 100"]));
  await pty.waitFor("ready");
  await pty.send("\x03");
  const status = await pty.child.status;
  console.log("after Ctrl-C:", status.kind === "signaled" ? status.signal : status.code);
}

// The window changes its size, and the program is told.
{
  const watch = "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.01; done";
  await using pty = spawnPty(command("sh", ["-c", watch]), { columns: 80, rows: 24 });
  await pty.waitFor("ready");
  pty.resize({ columns: 132, rows: 43 });
  const { groups } = await pty.waitFor(/\d+ (\d+)/);
  console.log(`the window is ${groups[0]} columns wide`);
}
