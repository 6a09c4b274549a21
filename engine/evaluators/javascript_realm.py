"""What surrounds a script in its JavaScript realm: binding of ``$``, the result, the error.

The text runs in every new realm before the script does, and keeps its own references to the
built-ins it uses, so a script that replaces them only fools itself. It answers with
``{"value": …}`` or ``{"error": {"message", "stack", "made"}}`` as JSON; ``made`` tells an error
that the script built itself from one that the engine raised.

Conversion of the result (semantics reference §5.4): whole numbers are integers, NaN and the
infinities their names (JSON has no numbers for them), a function or an object its members. Beyond
Conductor, which gives ``{}`` for them, a Date is its ISO text, a BigInt an exact integer, a Set a
list and an Error its name and message.
"""

from __future__ import annotations

from typing import Final

PRELUDE: Final = r"""
(function () {
  'use strict';
  const evaluate = (0, eval), parse = JSON.parse, stringify = JSON.stringify, raw = JSON.rawJSON;
  const isArray = Array.isArray, isView = ArrayBuffer.isView, keysOf = Object.keys;
  const define = Object.defineProperty, bare = Object.create, text = String;
  const setPrototype = Object.setPrototypeOf;
  const isFinite = Number.isFinite, isInteger = Number.isInteger, BeyondDepth = RangeError;
  const exponential = Function.prototype.call.bind(Number.prototype.toExponential);
  const isoText = Function.prototype.call.bind(Date.prototype.toISOString);
  const dateValue = Function.prototype.call.bind(Date.prototype.getTime);
  const eachOfMap = Function.prototype.call.bind(Map.prototype.forEach);
  const eachOfSet = Function.prototype.call.bind(Set.prototype.forEach);
  const wellFormed = Function.prototype.call.bind(String.prototype.toWellFormed);
  const MapType = Map, SetType = Set, DateType = Date, ErrorType = Error;
  const LONG = 9223372036854775808;
  const asList = bare(Array.prototype), asMap = bare(Object.prototype), has = Object.hasOwn;
  const errorsMade = new WeakSet();
  const noteMade = Function.prototype.call.bind(WeakSet.prototype.add, errorsMade);
  const wasMade = Function.prototype.call.bind(WeakSet.prototype.has, errorsMade);
  const construct = Reflect.construct;

  for (const name of ['Error', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError',
                      'TypeError', 'URIError', 'AggregateError']) {
    const original = globalThis[name];
    const noting = new Proxy(original, {
      construct(target, given, asked) {
        const error = construct(target, given, asked === noting ? target : asked);
        noteMade(error);
        return error;
      },
      apply(target, self, given) {
        const error = construct(target, given);
        noteMade(error);
        return error;
      }
    });
    define(globalThis, name, {value: noting, writable: true, configurable: true,
                              enumerable: false});
    define(original.prototype, 'constructor', {value: noting, writable: true,
                                               configurable: true, enumerable: false});
  }

  // Lists and maps of the input are Java's in Conductor: scripts call their methods and join their
  // texts.
  function javaText(value) {
    if (isArray(value)) {
      let items = '';
      for (let i = 0; i < value.length; i++) items += (i ? ', ' : '') + javaText(value[i]);
      return '[' + items + ']';
    }
    if (value === null || typeof value !== 'object') return text(value);
    let entries = '';
    for (const key of keysOf(value)) {
      entries += (entries ? ', ' : '') + key + '=' + javaText(value[key]);
    }
    return '{' + entries + '}';
  }

  function equal(one, other) {
    return one === other ||
      (typeof one === 'object' && typeof other === 'object' && javaText(one) === javaText(other));
  }

  function addMethods(prototype, methods) {
    for (const name of keysOf(methods)) {
      define(prototype, name, {value: methods[name], writable: true, configurable: true,
                               enumerable: false});
    }
  }

  addMethods(asList, {
    get(index) {
      if (index < 0 || index >= this.length) {
        throw new BeyondDepth(`Index ${index} out of bounds for length ${this.length}`);
      }
      return this[index];
    },
    set(index, item) { const before = this.get(index); this[index] = item; return before; },
    size() { return this.length; },
    isEmpty() { return this.length === 0; },
    contains(item) {
      for (let i = 0; i < this.length; i++) if (equal(this[i], item)) return true;
      return false;
    },
    add(item) { this[this.length] = item; return true; },
    subList(from, to) { return dressed(this.slice(from, to), 1); },
    toString() { return javaText(this); }
  });

  addMethods(asMap, {
    get(key) { return has(this, key) ? this[key] : null; },
    getOrDefault(key, otherwise) { return has(this, key) ? this[key] : otherwise; },
    containsKey(key) { return has(this, key); },
    containsValue(item) {
      for (const key of keysOf(this)) if (equal(this[key], item)) return true;
      return false;
    },
    size() { return keysOf(this).length; },
    isEmpty() { return keysOf(this).length === 0; },
    keySet() { return dressed(keysOf(this), 1); },
    values() { return setPrototype(keysOf(this).map((key) => this[key]), asList); },
    put(key, item) { const before = has(this, key) ? this[key] : null; this[key] = item;
                     return before; },
    remove(key) { const before = has(this, key) ? this[key] : null; delete this[key];
                  return before; },
    toString() { return javaText(this); }
  });

  function dressed(value, depth) {
    if (value === null || typeof value !== 'object' || depth > 500) return value;
    if (isArray(value)) {
      for (let i = 0; i < value.length; i++) dressed(value[i], depth + 1);
      return setPrototype(value, asList);
    }
    const keys = keysOf(value);
    for (let i = 0; i < keys.length; i++) dressed(value[keys[i]], depth + 1);
    return setPrototype(value, asMap);
  }

  // Results are built without prototypes: nothing a script did to those can interfere.
  function plain(value, depth) {
    if (depth > 200) throw new BeyondDepth('result nested deeper than 200 levels');
    switch (typeof value) {
      case 'undefined': return null;
      case 'boolean': return value;
      case 'string': return wellFormed(value);
      case 'number':
        if (!isFinite(value)) return text(value);
        // Beyond a long Conductor gives a double; an exponent keeps it one on the way out.
        if (isInteger(value) && (value >= LONG || value < -LONG)) return raw(exponential(value));
        return value;
      case 'bigint': return raw(text(value));
      case 'symbol': return text(value);
      case 'function': return bare(null);
    }
    if (value === null) return null;
    if (isArray(value) || isView(value)) {
      const list = setPrototype([], null);
      for (let i = 0; i < value.length; i++) list[i] = plain(value[i], depth + 1);
      return list;
    }
    if (value instanceof DateType) {
      return isFinite(dateValue(value)) ? isoText(value) : null;
    }
    if (value instanceof SetType) {
      const list = setPrototype([], null);
      eachOfSet(value, function (item) { list[list.length] = plain(item, depth + 1); });
      return list;
    }
    const map = bare(null);
    if (value instanceof MapType) {
      eachOfMap(value, function (item, key) {
        map[wellFormed(text(key))] = plain(item, depth + 1);
      });
      return map;
    }
    if (value instanceof ErrorType) {
      map.name = wellFormed(text(value.name));
      map.message = wellFormed(text(value.message));
      return map;
    }
    const keys = keysOf(value);
    for (let i = 0; i < keys.length; i++) {
      map[wellFormed(keys[i])] = plain(value[keys[i]], depth + 1);
    }
    return map;
  }

  // One piece of text: QuickJS can't hand out what '+' has joined.
  function answer(kind, value) {
    const wrapped = bare(null);
    wrapped[kind] = value;
    return stringify(wrapped);
  }

  function failure(thrown, inScript) {
    const described = bare(null);
    described.message = thrown === null ? null : wellFormed(text(thrown));
    const hasStack = inScript && thrown instanceof ErrorType;
    described.stack = hasStack ? wellFormed(text(thrown.stack)) : null;
    described.made = hasStack && wasMade(thrown);
    return answer('error', described);
  }

  return function (source, input) {
    let value;
    define(globalThis, '$', {value: dressed(parse(input), 0), writable: true, configurable: true,
                             enumerable: true});
    try {
      value = evaluate(source);
    } catch (thrown) {
      return failure(thrown, true);
    }
    try {
      return answer('value', plain(value, 0));
    } catch (thrown) {
      return failure(thrown, false);
    }
  };
})()
"""
