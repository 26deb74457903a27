// @vitest-environment jsdom
import { act, memo, StrictMode } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { useDatabaseStatus, useLiveQuery } from '../react/index.ts';
import { HEALTHY, refuse, ScriptedEngine, settled } from './scripted-engine.ts';

type Db = Awaited<ReturnType<ScriptedEngine['open']>>;

let engine: ScriptedEngine;
let db: Db;
let root: Root;
let page: HTMLElement;

beforeEach(async () => {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  engine = new ScriptedEngine();
  db = await engine.open();
  page = document.createElement('div');
  root = createRoot(page);
});

afterEach(() => act(() => root.unmount()));

const rendered: string[] = [];

const Person = memo(function Person({ person }: { person: { id: string; name: string } }) {
  rendered.push(person.name);
  return <li>{person.name}</li>;
});

function People({ except = '' }: { except?: string }) {
  const { data, status, error } = useLiveQuery(() => db.query.people.where('name', '!=', except));
  if (error) return <p>{error.code}</p>;
  return (
    <ul title={status}>
      {data?.map((person) => (
        <Person key={person.id} person={person} />
      ))}
    </ul>
  );
}

let calls = 0;

function Counted({ except }: { except: string }) {
  useLiveQuery(() => {
    calls += 1;
    return db.query.people.where('name', '!=', except);
  }, [except]);
  return null;
}

function Badge() {
  return useDatabaseStatus(db).sync.state;
}

const say = (...messages: readonly object[]) => act(async () => engine.say(...messages));
const render = (node: React.ReactNode) =>
  act(async () => {
    root.render(node);
    await settled();
  });

const result = (rows: unknown[]) => {
  const { subscription } = engine.last('subscribe');
  return { kind: 'result', subscription, revision: 1, rows };
};

const update = (at: number, name: string) => ({
  ...{ kind: 'patch', subscription: engine.last('subscribe').subscription, revision: 2 },
  ...{ removes: [], moves: [], inserts: [], updates: [[at, [[1, name]]]] },
});

it('loads, shows, and renders again only the rows that changed', async () => {
  await render(<People />);
  expect(page.innerHTML).toBe('<ul title="loading"></ul>');
  await say(
    result([
      ['a', 'Ann'],
      ['b', 'Bob'],
      ['c', 'Cy'],
    ]),
  );
  expect(page.innerHTML).toBe('<ul title="live"><li>Ann</li><li>Bob</li><li>Cy</li></ul>');
  rendered.length = 0;
  await say(update(1, 'Bo'));
  expect(page.textContent).toBe('AnnBoCy');
  expect(rendered).toEqual(['Bo']);
});

it('is one live query in StrictMode, over remounts, and for equal queries', async () => {
  const both = (
    <StrictMode>
      <People />
      <People />
    </StrictMode>
  );
  await render(both);
  await say(result([['a', 'Ann']]));
  expect(page.textContent).toBe('AnnAnn');
  await render(null);
  await render(both);
  expect(page.textContent).toBe('AnnAnn');
  expect(engine.of('subscribe').length).toBe(1);
  expect(engine.of('unsubscribe').length).toBe(0);
});

it('keeps the former rows while a changed query loads', async () => {
  await render(<People />);
  await say(
    result([
      ['a', 'Ann'],
      ['b', 'Bob'],
    ]),
  );
  await render(<People except="Ann" />);
  expect(page.innerHTML).toBe('<ul title="loading"><li>Ann</li><li>Bob</li></ul>');
  await say(result([['b', 'Bob']]));
  expect(page.innerHTML).toBe('<ul title="live"><li>Bob</li></ul>');
  expect(engine.of('subscribe').length).toBe(2);
});

it('shows the error of a query that the engine refuses, or that has a bad value', async () => {
  engine.on('subscribe', () => refuse('unknown_field'));
  await render(<People />);
  expect(page.textContent).toBe('unknown_field');
  await render(<People except={'\ud800'} />);
  expect(page.textContent).toBe('bad_value');
});

it('calls its function again only when its dependencies change, if it has any', async () => {
  calls = 0;
  await render(<Counted except="a" />);
  await render(<Counted except="a" />);
  expect(calls).toBe(1);
  await render(<Counted except="b" />);
  expect(calls).toBe(2);
});

it('is loading on a server', () => {
  expect(renderToString(<People />)).toBe('<ul title="loading"></ul>');
});

it('shows the status as it moves', async () => {
  await render(<Badge />);
  expect(page.textContent).toBe('off');
  await say({ kind: 'status', status: { ...HEALTHY, sync: { ...HEALTHY.sync, state: 'idle' } } });
  expect(page.textContent).toBe('idle');
});
