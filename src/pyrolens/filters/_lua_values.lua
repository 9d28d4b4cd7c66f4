-- MessagePack to values of Lua and back, as Fluent Bit has it.
--
-- Source: Fluent Bit 5.1.1, src/flb_lua.c.

local bytes = ... -- _lua_bytes.lua
local opened, byte, chars, new_list, new_map = bytes.opened, bytes.byte, bytes.chars, bytes.new_list, bytes.new_map
local put, puts, put_double, hole, fill = bytes.put, bytes.puts, bytes.put_double, bytes.hole, bytes.fill
local type, next, error, tonumber = type, next, error, tonumber
local rawget, setmetatable, newproxy = rawget, setmetatable, newproxy
local floor, ceil, ldexp, huge = math.floor, math.ceil, math.ldexp, math.huge
local find, sub, raw_metatable = string.find, string.sub, debug.getmetatable

local ARRAY, MAP = 1, 2 -- what a table is, as the field `type` of its metatable says
local DEEPEST = 200 -- tables within tables
local LONGEST = 1000000 -- places of an array which is one because a script used a number as a key
local TWO_31, TWO_32, TWO_63, GIGA = 2 ^ 31, 2 ^ 32, 2 ^ 63, 1e9

-- MessagePack to values ------------------------------------------------------------------------------------------

local null -- what stands for null: the global flb_null, as it is when the record is read
local unfit -- why no script can be given the record, if so

local function read_16(from, at) return byte(from, at) * 256 + byte(from, at + 1) end
local function read_32(from, at) return read_16(from, at) * 65536 + read_16(from, at + 2) end

-- A number of so many bits for the exponent and for the rest.
local function float_of(negative, exponent, most, part, bits)
    local value
    if exponent == most then
        value = part == 0 and huge or huge - huge
    elseif exponent == 0 then
        value = ldexp(part, 1 - (most - 1) / 2 - bits)
    else
        value = ldexp(part + 2 ^ bits, exponent - (most - 1) / 2 - bits)
    end
    return negative and -value or value
end

local function read_float(from, at)
    local high = read_16(from, at)
    local part = high % 128 * 65536 + read_16(from, at + 2)
    return float_of(high >= 32768, floor(high / 128) % 256, 255, part, 23)
end

local function read_double(from, at)
    local high = read_16(from, at)
    local part = (high % 16 * 65536 + read_16(from, at + 2)) * TWO_32 + read_32(from, at + 4)
    return float_of(high >= 32768, floor(high / 16) % 2048, 2047, part, 52)
end

local read

local function read_list(from, at, n)
    local list = new_list(n)
    for place = 1, n do list[place], at = read(from, at) end
    return setmetatable(list, { type = ARRAY }), at
end

local function read_map(from, at, n)
    local map = new_map(n)
    for _ = 1, n do
        local key, value
        key, at = read(from, at)
        value, at = read(from, at)
        if key == nil or key ~= key then
            unfit = "a field of the record has null or NaN for its name"
        else
            map[key] = value
        end
    end
    return setmetatable(map, { type = MAP }), at
end

-- The fields of the record that was read last, in their order; and of which record each name was a field last.
local order, fields, last_of, names, record_number = {}, 0, {}, 0, 0

-- As read, of a map whose fields are to be written in the same order again.
local function read_record(from, at)
    local head, n = byte(from, at), nil
    if head == 0xdf then
        n, at = read_32(from, at + 1), at + 5
    elseif head == 0xde then
        n, at = read_16(from, at + 1), at + 3
    else
        n, at = head - 0x80, at + 1
    end
    fields, record_number = n, record_number + 1
    if names > 10000 then last_of, names = {}, 0 end
    local map = new_map(n)
    for place = 1, n do
        local key, value
        key, at = read(from, at)
        value, at = read(from, at)
        if key == nil or key ~= key then
            unfit = "a field of the record has null or NaN for its name"
        else
            map[key], order[place] = value, key
            if not last_of[key] then names = names + 1 end
            last_of[key] = record_number
        end
    end
    return setmetatable(map, { type = MAP }), at
end

local function read_text(from, at, n) return chars(from, at, n), at + n end

-- For each head from 0xc0 to 0xdf: what is behind it.
local HEADS = {
    [0xc0] = function(_, at) return null, at end,
    [0xc2] = function(_, at) return false, at end,
    [0xc3] = function(_, at) return true, at end,
    [0xc4] = function(from, at) return read_text(from, at + 1, byte(from, at)) end,
    [0xc5] = function(from, at) return read_text(from, at + 2, read_16(from, at)) end,
    [0xc6] = function(from, at) return read_text(from, at + 4, read_32(from, at)) end,
    [0xc7] = function(from, at) return read_text(from, at + 2, byte(from, at)) end,
    [0xc8] = function(from, at) return read_text(from, at + 3, read_16(from, at)) end,
    [0xc9] = function(from, at) return read_text(from, at + 5, read_32(from, at)) end,
    [0xca] = function(from, at) return read_float(from, at), at + 4 end,
    [0xcb] = function(from, at) return read_double(from, at), at + 8 end,
    [0xcc] = function(from, at) return byte(from, at), at + 1 end,
    [0xcd] = function(from, at) return read_16(from, at), at + 2 end,
    [0xce] = function(from, at) return read_32(from, at), at + 4 end,
    [0xcf] = function(from, at)
        local high = read_32(from, at)
        local n = high * TWO_32 + read_32(from, at + 4)
        -- what fits into 64 bits with a sign still does when it has lost its last digits
        if n == TWO_63 and high < TWO_31 then n = n - 1024 end
        return n, at + 8
    end,
    [0xd0] = function(from, at) return (byte(from, at) + 128) % 256 - 128, at + 1 end,
    [0xd1] = function(from, at) return (read_16(from, at) + 32768) % 65536 - 32768, at + 2 end,
    [0xd2] = function(from, at) return (read_32(from, at) + TWO_31) % TWO_32 - TWO_31, at + 4 end,
    [0xd3] = function(from, at)
        return ((read_32(from, at) + TWO_31) % TWO_32 - TWO_31) * TWO_32 + read_32(from, at + 4), at + 8
    end,
    [0xd4] = function(from, at) return read_text(from, at + 1, 1) end,
    [0xd5] = function(from, at) return read_text(from, at + 1, 2) end,
    [0xd6] = function(from, at) return read_text(from, at + 1, 4) end,
    [0xd7] = function(from, at) return read_text(from, at + 1, 8) end,
    [0xd8] = function(from, at) return read_text(from, at + 1, 16) end,
    [0xd9] = function(from, at) return read_text(from, at + 1, byte(from, at)) end,
    [0xda] = function(from, at) return read_text(from, at + 2, read_16(from, at)) end,
    [0xdb] = function(from, at) return read_text(from, at + 4, read_32(from, at)) end,
    [0xdc] = function(from, at) return read_list(from, at + 2, read_16(from, at)) end,
    [0xdd] = function(from, at) return read_list(from, at + 4, read_32(from, at)) end,
    [0xde] = function(from, at) return read_map(from, at + 2, read_16(from, at)) end,
    [0xdf] = function(from, at) return read_map(from, at + 4, read_32(from, at)) end,
}

-- The value at a place, and the place behind it.
function read(from, at)
    local head = byte(from, at)
    at = at + 1
    if head >= 0xa0 then
        if head < 0xc0 then return chars(from, at, head - 0xa0), at + head - 0xa0 end
        if head >= 0xe0 then return head - 256, at end
        return HEADS[head](from, at)
    end
    if head < 0x80 then return head, at end
    if head < 0x90 then return read_map(from, at, head - 0x80) end
    return read_list(from, at, head - 0x90)
end

-- A time in ns as whole seconds, the ns beyond them, and the place behind it: more than a number can hold exactly.
local function read_time(from, at)
    local head = byte(from, at)
    if head ~= 0xcf and head ~= 0xd3 then
        local ns
        ns, at = read(from, at)
        return floor(ns / GIGA), ns % GIGA, at
    end
    local high, low = read_32(from, at + 1), read_32(from, at + 5)
    if head == 0xd3 and high >= TWO_31 then high = high - TWO_32 end
    local upper = high * 65536 + floor(low / 65536)
    local seconds = floor(upper / GIGA)
    local rest = (upper - seconds * GIGA) * 65536 + low % 65536
    local more = floor(rest / GIGA)
    return seconds * 65536 + more, rest - more * GIGA, at + 9
end

-- values to MessagePack ------------------------------------------------------------------------------------------

local NULL = newproxy(true) -- flb_null, where that is enabled
raw_metatable(NULL).__tostring = function() return "userdata: NULL" end
local int_keys, array_keys = {}, {} -- type_int_key, type_array_key
local typed = false -- whether there are any

local function put_16(n)
    put(floor(n / 256))
    put(n % 256)
end

local function put_32(n)
    put_16(floor(n / 65536))
    put_16(n % 65536)
end

local function put_int(n)
    if n >= 0 then
        if n < 128 then
            put(n)
        elseif n < 256 then
            put(0xcc)
            put(n)
        elseif n < 65536 then
            put(0xcd)
            put_16(n)
        elseif n < TWO_32 then
            put(0xce)
            put_32(n)
        else
            put(0xcf)
            put_32(floor(n / TWO_32))
            put_32(n % TWO_32)
        end
    elseif n >= -32 then
        put(n + 256)
    else
        put(0xd3)
        put_32(floor(n / TWO_32) % TWO_32)
        put_32(n % TWO_32)
    end
end

local function put_number(n)
    if n == floor(n) and n >= -TWO_63 and n < TWO_63 then
        put_int(n)
    else
        put(0xcb)
        put_double(n)
    end
end

local function put_text(text)
    local n = #text
    if n < 32 then
        put(0xa0 + n)
    elseif n < 256 then
        put(0xd9)
        put(n)
    elseif n < 65536 then
        put(0xda)
        put_16(n)
    else
        put(0xdb)
        put_32(n)
    end
    puts(text)
end

-- Seconds of up to 32 bits and ns beyond them, as ns.
local function put_time(seconds, ns)
    local low = seconds % 65536 * GIGA + ns
    local upper = floor(seconds / 65536) * GIGA + floor(low / 65536)
    put(0xcf)
    put_32(floor(upper / 65536))
    put_32(upper % 65536 * 65536 + low % 65536)
end

-- Of a table without a type: its length if it is an array, else nil.
local function length_by_keys(t)
    local most = 0
    for key in next, t do
        if type(key) == "number" and key > most then most = key end
    end
    if most == 0 or most >= TWO_31 then return nil end
    if most ~= floor(most) then
        local count, top = 0, 0
        for key in next, t do
            if type(key) ~= "number" or key < 1 then return nil end
            count = count + 1
            if floor(key) > top then top = floor(key) end
        end
        return top == count and top or nil
    end
    if most > LONGEST then error("a table with the key " .. most .. " is an array of as many places", 0) end
    return most
end

-- As lua_tointeger: a number, or text that is one, without its fraction; else 0.
local function whole(value)
    if type(value) == "string" then value = tonumber(value) end
    if type(value) ~= "number" then return 0 end
    if value ~= value or value >= TWO_63 or value < -TWO_63 then return -TWO_63 end
    return value < 0 and ceil(value) or floor(value)
end

-- The same of 32 bits.
local function small(value) return (whole(value) + TWO_31) % TWO_32 - TWO_31 end

-- The length if it is an array, else nil.
local function length_of(t)
    local meta = raw_metatable(t)
    if meta then
        local kind = rawget(meta, "type")
        if kind == MAP then return nil end
        if kind == ARRAY then return #t end
        if type(kind) == "number" and small(kind) >= 0 then return small(kind) == ARRAY and #t or nil end
    end
    return length_by_keys(t)
end

local put_value

local function put_list(t, n, depth)
    fill(hole(), 0xdd, n)
    for place = 1, n do put_value(rawget(t, place), depth + 1) end
end

-- Whether an option for keys names this one: it has to begin with it.
local function named(options, key)
    local stop = find(key, "\0", 1, true)
    for n = 1, #options do
        local option = options[n]
        if stop then
            if option == sub(key, 1, stop - 1) then return true end
        elseif sub(option, 1, #key) == key then
            return true
        end
    end
    return false
end

local function put_typed(key, value, depth)
    if type(key) == "string" then
        if type(value) == "number" and named(int_keys, key) and value > -TWO_63 and value < TWO_63 then
            return put_int(value < 0 and ceil(value) or floor(value))
        end
        if type(value) == "table" and named(array_keys, key) then return put_list(value, #value, depth) end
    end
    return put_value(value, depth + 1)
end

local function put_field(key, value, depth)
    if type(key) == "string" then
        put_text(key)
    elseif type(key) ~= "table" then
        put_value(key, depth + 1)
    else
        error("a field has a table for its name", 0)
    end
    if typed then
        put_typed(key, value, depth)
    elseif type(value) == "string" then
        put_text(value)
    else
        put_value(value, depth + 1)
    end
end

local function put_map(t, depth)
    local place, count = hole(), 0
    for key, value in next, t do
        count = count + 1
        put_field(key, value, depth)
    end
    fill(place, 0xdf, count)
end

-- A map, with the fields that the record had in their order, and before all others.
local function put_record(t)
    local place, count = hole(), 0
    for n = 1, fields do
        local value = rawget(t, order[n])
        if value ~= nil then
            count = count + 1
            put_field(order[n], value, 1)
        end
    end
    for key, value in next, t do
        if last_of[key] ~= record_number then
            count = count + 1
            put_field(key, value, 1)
        end
    end
    fill(place, 0xdf, count)
end

function put_value(value, depth)
    local kind = type(value)
    if kind == "string" then
        put_text(value)
    elseif kind == "number" then
        put_number(value)
    elseif kind == "table" then
        if depth > DEEPEST then error("the record has more than " .. DEEPEST .. " tables within tables", 0) end
        local n = length_of(value)
        if n then
            put_list(value, n, depth)
        else
            put_map(value, depth)
        end
    elseif kind == "boolean" then
        put(value and 0xc3 or 0xc2)
    elseif kind == "nil" or value == NULL then
        put(0xc0)
    else
        error("the record has a " .. kind .. " in it", 0)
    end
end

-- The options for keys.
local function convert(ints, arrays)
    int_keys, array_keys = ints, arrays
    typed = #ints + #arrays > 0
end

-- What is read from now on has this for null.
local function begin(for_null) null, unfit = for_null, nil end

return {
    begin = begin, read = read, read_record = read_record, read_16 = read_16, read_32 = read_32, read_time = read_time,
    unfit = function() return unfit end,
    put_int = put_int, put_map = put_map, put_record = put_record, put_time = put_time,
    convert = convert, length_of = length_of, whole = whole, small = small, NULL = NULL,
}
