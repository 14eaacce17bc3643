// Evaluates the lines of stdin, {"expression", "input": {"states", "variables"}}, with jsonata-js, and answers each with
// {"value"}, {"undefined"}, {"unsupported"} or {"error", "message"}; {"syntax"} tells errors of the parser.
// Without an input, an expression is only parsed.
'use strict';
const readline = require('readline');
const jsonata = require(process.argv[2]);

function isFunction(value) {
    return typeof value === 'function' || (value !== null && typeof value === 'object'
        && (value._jsonata_lambda === true || value._jsonata_function === true || value instanceof RegExp));
}

function plain(value) {
    if (isFunction(value)) {
        throw {unsupported: true};
    }
    if (typeof value === 'number' && !Number.isFinite(value)) {
        return String(value);
    }
    if (Array.isArray(value)) {
        return value.filter((item) => item !== undefined).map(plain);
    }
    if (value !== null && typeof value === 'object') {
        return Object.fromEntries(Object.entries(value)
            .filter(([, member]) => member !== undefined)
            .map(([key, member]) => [key, plain(member)]));
    }
    return value;
}

async function answer(line) {
    const {expression, input} = JSON.parse(line);
    let parsed;
    try {
        parsed = jsonata(expression);
    } catch (error) {
        return {error: error.code, message: error.message, syntax: true};
    }
    if (input === null) {
        return {undefined: true};
    }
    try {
        const value = await parsed.evaluate(undefined, {...input.variables, states: input.states});
        return value === undefined ? {undefined: true} : {value: plain(value)};
    } catch (error) {
        return error.unsupported ? {unsupported: true} : {error: error.code, message: error.message};
    }
}

(async () => {
    for await (const line of readline.createInterface({input: process.stdin})) {
        const timeout = new Promise((resolve) => setTimeout(() => resolve({error: 'timeout'}), 5000).unref());
        console.log(JSON.stringify(await Promise.race([answer(line), timeout])));
    }
})();
