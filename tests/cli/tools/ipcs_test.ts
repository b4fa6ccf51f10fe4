// Needs: gcc, root
import { assertEquals, assertMatch } from "@std/assert";
import { fixture } from "../causeway.ts";
import { Directory, isolatedTest, type ScriptOutcome, withOurs, withTheirs } from "./isolated.ts";

/** Command lines on which ours must print what util-linux prints, byte for byte. */
const SAME = `

-a
-m
-q
-s
-t
-p
-c
-l
-u
-l -b
-l --human
-u -b
-u --human
-b
--human
-t --human
-mq
-smq
-tpcl
-lt
--shmems --time
--sema --cre
-m -i 0
-m -i 1
-m -i 2
-m -i 2 --human
-q -i 0
-q -i 1
-q -i 1 --human
-q -i 0 -b
-s -i 0
-s -i 1
-s -i 2 -t
-s --id=99
-i 0
-a -i 0
-m -i x
-m -i 99999999999
-z
--bogus
--h
--human=1
-i
foo
`;

Deno.test(isolatedTest("ipcs prints what util-linux prints, of objects made by C, ipcmk and this library", async () => {
  using directory = new Directory();
  await Deno.writeTextFile(`${directory.path}/cases`, SAME);
  const { stderr } = await withOurs(
    "ipcs",
    `
    gcc -o objects ${fixture("cli_sysv_objects.c")} || exit
    mkfifo hold said
    ./objects <hold >said &
    exec 7>hold
    read -r _ready <said
    ipcmk -M 5K -Q -S 2 >made
    '${Deno.execPath()}' run --quiet -A ${fixture("cli_sysv_objects.ts")}
    number=0
    while read -r args; do
      number=$((number + 1))
      /usr/bin/ipcs $args >out 2>err; { echo "code $?"; cat out; sed 's,/usr/bin/,,' err; } >$number.theirs
      T $args >out 2>err; { echo "code $?"; cat out err; } >$number.ours
    done <cases
    TZ=America/New_York /usr/bin/ipcs -t >zone.theirs
    TZ=America/New_York T -t >zone.ours
    exec 7>&-
    wait
    `,
    { cwd: directory.path, isolated: true },
  );
  assertEquals(stderr, "");
  const text = (name: string) => Deno.readTextFileSync(`${directory.path}/${name}`);
  for (const [index, args] of SAME.split("\n").slice(0, -1).entries()) {
    assertEquals(text(`${index + 1}.ours`), text(`${index + 1}.theirs`), `ipcs ${args}`);
  }
  assertEquals(text("zone.ours"), text("zone.theirs"), "the local time of another time zone");
  assertMatch(text("1.ours"), /dest +locked/);
  assertMatch(text("1.ours"), /12345/);
}));

Deno.test(isolatedTest("ipcs shows limits as they are set, up to the largest", async () => {
  using directory = new Directory();
  const { stderr } = await withOurs(
    "ipcs",
    `
    for pages in 4096 1 18446744073709551615 4503599627370496; do
      echo $pages >/proc/sys/kernel/shmall
      for unit in '' -b --human; do /usr/bin/ipcs -l $unit >>theirs; T -l $unit >>ours; done
    done
    for bytes in 1 999 1023 1024 1025 1100 10239 1023999 1039000 1048575 1234567 123456789; do
      ipcmk -M $bytes >>made
    done
    /usr/bin/ipcs --human >>theirs
    T --human >>ours
    `,
    { cwd: directory.path, isolated: true },
  );
  assertEquals(stderr, "");
  assertEquals(
    Deno.readTextFileSync(`${directory.path}/ours`),
    Deno.readTextFileSync(`${directory.path}/theirs`),
  );
}));

Deno.test(isolatedTest("ipcs prints what util-linux prints, of objects that this user may not read", async () => {
  const script = `
    setpriv --reuid 65534 --clear-groups ipcmk -M 100 -Q -S 1 -p 0 >made
    PREFIX='setpriv --bounding-set=-all --inh-caps=-all'
    for args in '' -t -c -u '-m -i 0' '-q -i 0'; do T $args; done
    T -s -i 0 2>/dev/null; echo $?
  `;
  const same = ({ stdout, ...others }: ScriptOutcome) => ({
    ...others,
    stdout: stdout.replace(/0x[0-9a-f]{8}/g, "KEY").replace(/\d\d:\d\d:\d\d/g, "TIME").replace(/cpid=\d+/, "cpid"),
  });
  const [ours, theirs] = await Promise.all([
    withOurs("ipcs", script, { isolated: true }),
    withTheirs("ipcs", script, { isolated: true }),
  ]);
  assertEquals(same(ours), same(theirs));
}));

Deno.test("ipcs ends quietly when nobody reads it", async () => {
  const { code, stderr } = await withOurs("ipcs", "T | true");
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
});

Deno.test("ipcs --help and --version are ours", async () => {
  assertMatch((await withOurs("ipcs", "T --help")).stdout, /^causeway ipcs: /);
  assertMatch((await withOurs("ipcs", "T --version")).stdout, /^ipcs \(causeway\) \d/);
});
