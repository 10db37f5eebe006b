import { assert, assertEquals } from "@std/assert";
import { redacted, redactedWord } from "../../lib/cmdline/mod.ts";

const SECRET = "hunter2";

const WITH_SECRETS = [
  "secret,id=s0,data=hunter2",
  "secret,id=s0,format=base64,data=hunter2==,keyid=k,iv=hunter2==",
  'secret,id=s0,data=hunter2,,hunter2 with "quotes": hunter2',
  "qom-type=secret,id=s0,data=hunter2",
  '{"qom-type":"secret","id":"s0","data":"hunter2"}',
  `{'qom-type': 'secret', 'id': 's0', 'data' : 'a\\'hunter2'}`,
  '{"data":"a\\"hunter2","qom-type":"secret"}',
  "port=5900,password=hunter2",
  "user=u,password=hunter2,initiator-name=x",
  '{"driver":"ssh","file":{"password":"hunter2"}}',
  '{"driver":"ssh","password":1234}',
  "file.driver=https,file.cookie=session=hunter2",
  "file=iscsi://user%hunter2@host/target/0,if=virtio",
  "ftp://user:hunter2@host/image",
  "file=rbd:pool/image:id=admin:key=hunter2==:mon_host=a",
  "drive.d0.password=hunter2",
  "type=11,value=io.systemd.credential:login=hunter2",
  "type=11,value=io.systemd.credential.binary:login=hunter2",
  "name=opt/io.systemd.credentials/login,string=hunter2",
  "quiet systemd.set_credential=login:hunter2",
];

const WITHOUT = [
  "secret,id=s0,file=/etc/secret",
  "tls-creds-x509,id=t,dir=/etc/pki,passwordid=s0",
  ":0,password=on,password-secret=s0",
  ":0,password",
  "port=5900,disable-ticketing=on",
  '{"driver":"luks","key-secret":"s0","data":"x"}',
  "socket,id=c0,path=/run/data=1.sock",
  "guest=data,debug-threads=on",
  "nbd://host:10809/export",
  "http://[::1]:80/image@2",
];

Deno.test("a secret in a word is hidden, and nothing else", () => {
  for (const word of WITH_SECRETS) {
    const shown = redactedWord(word);
    assert(!shown.includes(SECRET) && !shown.includes("1234"), shown);
    assert(shown.includes("REDACTED"), shown);
  }
  for (const word of WITHOUT) assertEquals(redactedWord(word), word);
  assertEquals(
    redactedWord("secret,id=s0,data=hunter2,format=raw"),
    "secret,id=s0,data=REDACTED,format=raw",
  );
  assertEquals(
    redactedWord('{"qom-type":"secret","data":"hunter2","id":"s"}'),
    '{"qom-type":"secret","data":"REDACTED","id":"s"}',
  );
});

Deno.test("a message keeps what stands behind a secret", () => {
  assertEquals(
    redacted(
      "qemu-system-x86_64: -object secret,id=s0,data=hunter2: Parameter 'x' " +
        "is unexpected",
    ),
    "qemu-system-x86_64: -object secret,id=s0,data=REDACTED: Parameter 'x' " +
      "is unexpected",
  );
  assertEquals(
    redacted('Cannot parse "port=1,password=hunter2": key "x" repeated'),
    'Cannot parse "port=1,password=REDACTED": key "x" repeated',
  );
  for (const word of WITH_SECRETS.filter((it) => !it.includes("with"))) {
    const shown = redacted(`Cannot parse "${word}": no`);
    assert(!shown.includes(SECRET), shown);
    assert(shown.endsWith(": no"), shown);
  }
});

Deno.test("a long text of anything is looked through", () => {
  for (
    const part of [
      "password=",
      "://a:",
      "rbd:",
      ",,",
      '"data":"',
      "secret,",
      "\\",
    ]
  ) {
    const text = part.repeat(2 ** 15 / part.length);
    assert(redactedWord(text).length > 0);
    assert(redacted(text).length > 0);
  }
});
