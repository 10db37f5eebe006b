/** Random descriptions, each with a value that fits it. */

import fc from "fast-check";
import {
  allocatedPointerArray,
  array,
  bitmap,
  bool,
  buffer,
  capability,
  double,
  fd,
  type Field,
  gtree,
  gtreeDirect,
  i16,
  i32,
  i64,
  i8,
  pciIrqState,
  pointerArray,
  qlist,
  qtailq,
  scsiRequests,
  struct,
  temporary,
  text,
  timer,
  u16,
  u16Equal,
  u32,
  u64,
  u8,
  unused,
  validate,
  varray,
  vbuffer,
  versionedStruct,
  type VmState,
  vmstate,
} from "../../lib/vmstate/mod.ts";

/** A description and a value of it. */
export interface Described {
  readonly state: VmState<object>;
  readonly value: object;
}

type Values = Record<string, unknown>;

/** One field, with the fields that count it before it. */
interface Piece {
  readonly fields: Record<string, Field<unknown>>;
  readonly value: Values;
}

/** Version of every description that is made. */
const VERSION = 3;

/** A field and a value of it. */
interface One {
  readonly field: Field<unknown>;
  readonly value: unknown;
}

function one<T>(
  field: Field<T>,
  values: fc.Arbitrary<NoInfer<T>>,
): fc.Arbitrary<One> {
  return values.map((value) => ({ field: field as Field<unknown>, value }));
}

const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length });
const word64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const signed64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const expiry = fc.option(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }));
const int = (bits: number) =>
  fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });
const nat = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });
const short = fc.string({ maxLength: 12 });

/** Fields whose every value reads alike to vmdesc. */
const fixedField: fc.Arbitrary<One> = fc.oneof(
  one(u8(), nat(8)),
  one(i8(), int(8)),
  one(u16(), nat(16)),
  one(i16(), int(16)),
  one(u32(), nat(32)),
  one(i32(), int(32)),
  one(u64(), word64),
  one(i64(), signed64),
  one(bool(), fc.boolean()),
  one(timer(), expiry),
  one(double(), word64),
  one(fd(), int(32)),
  one(u16Equal(77), fc.constant(77)),
  one(pciIrqState(), fc.array(nat(1), { minLength: 4, maxLength: 4 })),
  nat(4).chain((size) => one(buffer(size), bytes(size))),
  nat(2).chain((words) =>
    one(
      bitmap(words * 64),
      fc.array(word64, { minLength: words, maxLength: words }),
    )
  ),
);

const openField: fc.Arbitrary<One> = fc.oneof(
  fixedField,
  one(capability(), short),
  one(unused(3), fc.constant(undefined)),
  one(validate("everything", () => true), fc.constant(undefined)),
  one(
    scsiRequests(),
    fc.array(
      fc.record({
        retry: fc.boolean(),
        cdb: bytes(16),
        tag: nat(32),
        lun: nat(32),
      }),
      { maxLength: 2 },
    ),
  ),
);

/** As many values of one field; the field of the first stands for all. */
function several(
  ones: fc.Arbitrary<One>,
  count: number,
): fc.Arbitrary<{ field: Field<unknown>; values: unknown[] }> {
  return ones.map(({ field, value }) => ({
    field,
    values: Array.from({ length: count }, () => value),
  }));
}

/** Arrays of numbers of which no two need be equal. */
const numbers = nat(3).chain((count) =>
  one(
    array(u32(), count),
    fc.array(nat(32), { minLength: count, maxLength: count }),
  )
);

const arrays = (ones: fc.Arbitrary<One>): fc.Arbitrary<One> =>
  fc.oneof(
    numbers,
    nat(2).chain((count) =>
      several(ones, count).map(({ field, values }) => ({
        field: array(field, count) as Field<unknown>,
        value: values,
      }))
    ),
    nat(2).chain((count) =>
      several(fixedField, count).map(({ field, values }) => ({
        field: array(array(field, count), 2) as Field<unknown>,
        value: [values, values],
      }))
    ),
  );

const pointers = (ones: fc.Arbitrary<One>): fc.Arbitrary<One> =>
  fc.tuple(ones, fc.array(fc.boolean(), { maxLength: 5 }), fc.boolean()).map(
    ([{ field, value }, present, isAllocated]) => ({
      field: (isAllocated
        ? allocatedPointerArray(field, present.length)
        : pointerArray(
          field,
          present.length,
          (index) =>
            present[index] ?? false,
        )) as Field<unknown>,
      value: present.map((isPresent) => isPresent ? value : null),
    }),
  );

function structs(states: fc.Arbitrary<Described>): fc.Arbitrary<One> {
  const made = <T>(field: Field<T>, value: T): One => ({
    field: field as Field<unknown>,
    value,
  });
  return fc.oneof(
    states.map(({ state, value }) => made(struct(state), value)),
    states.map(({ state, value }) =>
      made(versionedStruct(state, VERSION), value)
    ),
    states.map(({ state, value }) => made(temporary(state), value)),
    fc.tuple(states, nat(2)).map(([{ state, value }, count]) =>
      made(qtailq(state), Array.from({ length: count }, () => value))
    ),
    fc.tuple(states, nat(2)).map(([{ state, value }, count]) =>
      made(qlist(state), Array.from({ length: count }, () => value))
    ),
    fc.tuple(states, fc.array(word64, { maxLength: 3 })).map(
      ([{ state, value }, keys]) =>
        made(gtreeDirect(state), keys.map((key) => ({ key, value }))),
    ),
    fc.tuple(states, states).map(([key, { state, value }]) =>
      made(gtree(key.state, state), [{ key: key.value, value }])
    ),
  );
}

/** A field that is absent from this version: its value is at rest. */
function later({ field }: One): One {
  return {
    field: { ...field, since: VERSION + 1 },
    value: field.codec.initial(),
  };
}

/** Fields that an earlier one counts, both under names made from `name`. */
function counted(name: string): fc.Arbitrary<Piece> {
  const count = `${name}Count`;
  const piece = (field: Field<unknown>, length: number, value: unknown) => ({
    fields: { [count]: u16() as Field<unknown>, [name]: field },
    value: { [count]: length, [name]: value },
  });
  const words = (bits: number) => Math.ceil(bits / 64);
  return fc.oneof(
    fc.array(nat(16), { maxLength: 6 }).map((values) =>
      piece(varray(u16(), count) as Field<unknown>, values.length, values)
    ),
    fc.array(fc.tuple(nat(8), nat(8)), { maxLength: 4 }).map((pairs) =>
      piece(
        varray(u8(), count, { multiply: 2 }) as Field<unknown>,
        pairs.length,
        pairs.flat(),
      )
    ),
    fc.uint8Array({ maxLength: 20 }).map((value) =>
      piece(vbuffer(count) as Field<unknown>, value.length, value)
    ),
    short.map((value) =>
      piece(
        text(count) as Field<unknown>,
        new TextEncoder().encode(value).length,
        value,
      )
    ),
    nat(8).chain((bits) =>
      fc.array(word64, { minLength: words(bits), maxLength: words(bits) })
        .map((value) => piece(bitmap(count) as Field<unknown>, bits, value))
    ),
  );
}

/** @param inner prefix of the names of descriptions inside */
function pieceOf(
  name: string,
  inner: string,
  depth: number,
): fc.Arbitrary<Piece> {
  const leaves = fc.oneof(openField, openField.map(later));
  const ones = depth === 0
    ? leaves
    : fc.oneof(leaves, structs(described(inner, depth - 1)));
  return fc.oneof(
    counted(name),
    fc.oneof(
      ones,
      arrays(ones.filter(hasValue)),
      pointers(ones.filter(hasValue)),
    )
      .map(({ field, value }) => ({
        fields: { [name]: field },
        value: value === undefined ? {} : { [name]: value },
      })),
  );
}

/** Space and checks have no value, and null is a pointer to nothing. */
function hasValue({ field, value }: One): boolean {
  return value !== undefined && value !== null && field.since === undefined;
}

/**
 * Random descriptions named `name`, structs in them nested up to `depth`,
 * subsections too. Each begins with a byte: where a body may be empty, nothing
 * on the wire tells whose of two neighbours a subsection is.
 */
export function described(
  name: string,
  depth: number,
): fc.Arbitrary<Described> {
  const fields = nat(2).chain((count) =>
    fc.tuple(
      ...Array.from(
        { length: count },
        (_, index) => pieceOf(`f${index}`, `${name}_${index}`, depth),
      ),
    )
  );
  const sub = depth === 0
    ? fc.constant(undefined)
    : fc.option(described(`${name}/sub`, depth - 1), { nil: undefined });
  const head = fc.integer({ min: 0x40, max: 0xff }).map((head): Piece => ({
    fields: { head: u8() as Field<unknown> },
    value: { head },
  }));
  const all = fc.tuple(head, fields).map(([head, rest]) => [head, ...rest]);
  return fc.tuple(all, sub, fc.boolean()).map(([pieces, sub, isSent]) => ({
    state: vmstate<
      Record<string, Field<unknown>>,
      Record<string, VmState<object>>
    >(
      name,
      { version: VERSION },
      Object.assign({}, ...pieces.map((piece) => piece.fields)),
      sub === undefined ? {} : { subsections: { sub: sub.state } },
    ),
    value: Object.assign(
      {},
      ...pieces.map((piece) => piece.value),
      sub !== undefined && isSent ? { sub: sub.value } : {},
    ),
  }));
}
