import { assertEquals, assertLess } from "@std/assert";
import { MainLoop } from "../../lib/machine/main_loop.ts";

Deno.test("tasks run one after another, in their order", async () => {
  using loop = new MainLoop();
  const order: number[] = [];
  await new Promise<void>((resolve) => {
    loop.defer(() => {
      loop.defer(() => order.push(3));
      loop.defer(resolve);
      order.push(1);
    });
    loop.defer(() => order.push(2));
  });
  assertEquals(order, [1, 2, 3]);
});

Deno.test("slices without an end leave sockets their turn", async () => {
  using loop = new MainLoop();
  let slices = 0;
  let goOn = true;
  const ended = new Promise<void>((resolve) => {
    const slice = () => {
      slices++;
      if (goOn) loop.slice(slice);
      else resolve();
    };
    loop.slice(slice);
  });
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  using client = await Deno.connect({ hostname: "127.0.0.1", port });
  using server = await listener.accept();
  slices = 0;
  for (let message = 0; message < 10; message++) {
    await client.write(Uint8Array.of(message));
    await server.read(new Uint8Array(1));
  }
  const during = slices;
  goOn = false;
  await ended;
  assertLess(during, 1_000);
});
