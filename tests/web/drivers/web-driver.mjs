// The few WebDriver commands the tests use, over HTTP. https://www.w3.org/TR/webdriver2/
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

/** A session of a WebDriver server at `base`. */
export class WebDriverSession {
  #root;

  constructor(base, id) {
    this.#root = `${base}/session/${id}`;
  }

  static async open(base, capabilities) {
    const body = { capabilities: { alwaysMatch: capabilities } };
    const { sessionId } = await command(`${base}/session`, 'POST', body);
    return new WebDriverSession(base, sessionId);
  }

  get(path) {
    return command(`${this.#root}/${path}`, 'GET');
  }

  post(path, body = {}) {
    return command(`${this.#root}/${path}`, 'POST', body);
  }

  delete(path = '') {
    return command(path ? `${this.#root}/${path}` : this.#root, 'DELETE');
  }

  /** Path of an element's commands. */
  async element(selector) {
    const found = await this.post('element', { using: 'css selector', value: selector });
    return `element/${found[ELEMENT]}`;
  }

  /** Calls `fn` in the page; a promise is awaited; what it throws is thrown here. */
  async evaluate(fn, ...args) {
    const script = `
      const [args, done] = arguments;
      Promise.resolve()
        .then(() => (${fn})(...args))
        .then((value) => done({ value }))
        .catch((error) => done({ error: String(error) + '\\n' + (error?.stack ?? '') }));`;
    const { value, error } = await this.post('execute/async', { script, args: [args] });
    if (error !== undefined) throw new Error(error);
    return value ?? undefined;
  }
}

async function command(url, method, body) {
  const init = { method, ...(body ? { body: JSON.stringify(body) } : {}) };
  const response = await fetch(url, init);
  const { value } = await response.json();
  if (!response.ok) throw new Error(`${method} ${url}: ${value.error}: ${value.message}`);
  return value;
}
