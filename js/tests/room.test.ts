import { afterEach, expect, it, vi } from 'vitest';
import { refuse, ScriptedEngine } from './scripted-engine.ts';

afterEach(() => vi.unstubAllGlobals());

/** A browser that says how much room there is, and asks its user. */
function browserWith(room: { usage: number; persisted: boolean; answer: boolean }) {
  vi.stubGlobal('navigator', {
    storage: {
      estimate: async () => ({ usage: room.usage, quota: 100 }),
      persisted: async () => room.persisted,
      persist: async () => {
        room.persisted = room.answer;
        return room.answer;
      },
    },
  });
  return room;
}

it('the room is asked for at the opening, and when the storage was full', async () => {
  const room = browserWith({ usage: 7, persisted: false, answer: true });
  const engine = new ScriptedEngine();
  const db = await engine.open();
  const shown = () => db.status.storage;
  await vi.waitFor(() => expect(shown()).toMatchObject({ usage: 7, quota: 100, persisted: false }));
  expect(shown()).toMatchObject({ kind: 'opfs', state: 'ok' });
  room.usage = 99;
  engine.on('write', () => refuse('storage_full'));
  const { saved } = db.mutate.people.insert({ name: 'late' });
  await expect(saved).rejects.toMatchObject({ code: 'storage_full' });
  await vi.waitFor(() => expect(shown()).toMatchObject({ usage: 99 }));
});

it('persist() tells what the browser decided, and the status follows', async () => {
  const room = browserWith({ usage: 7, persisted: false, answer: false });
  const db = await new ScriptedEngine().open();
  expect(await db.persist()).toBe(false);
  expect(db.status.storage.persisted).toBe(false);
  room.answer = true;
  expect(await db.persist()).toBe(true);
  expect(db.status.storage.persisted).toBe(true);
});

it('a browser that says nothing leaves nulls', async () => {
  const nothing = { usage: null, quota: null, persisted: null };
  for (const navigator of [undefined, {}, { storage: {} }]) {
    vi.stubGlobal('navigator', navigator);
    const db = await new ScriptedEngine().open();
    expect(await db.persist()).toBe(false);
    expect(db.status.storage).toMatchObject(nothing);
  }
});
