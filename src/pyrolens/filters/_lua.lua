-- What runs around a script: each event goes through the script's function, and what that returns is written.
--
-- Source: Fluent Bit 5.1.1, plugins/filter_lua/lua.c.

local bytes, values = ... -- _lua_bytes.lua, _lua_values.lua
local opened, byte, put, hole, fill = bytes.opened, bytes.byte, bytes.put, bytes.hole, bytes.fill
local here, back, written = bytes.here, bytes.back, bytes.written
local begin, read, read_16, read_32 = values.begin, values.read, values.read_16, values.read_32
local read_record, read_time, unfit = values.read_record, values.read_time, values.unfit
local put_int, put_map, put_time, put_fields = values.put_int, values.put_map, values.put_time, values.put_record
local length_of, whole, small = values.length_of, values.whole, values.small
local globals, type, next, pcall, error, tostring, tonumber = _G, type, next, pcall, error, tostring, tonumber
local rawget, rawset, setmetatable, loadstring, select = rawget, rawset, setmetatable, loadstring, select
local huge, text_byte, dump, clock = math.huge, string.byte, string.dump, os.clock
local information, stdout, flush = debug.getinfo, io.stdout, io.stdout.flush

local TWO_32, GIGA = 2 ^ 32, 1e9

-- the time that a script may take --------------------------------------------------------------------------------

local TURNS = 1000 -- of loops and calls, between two looks at the clock
local OVER = {} -- the error that ends a call
local turns, left = huge, 0 -- `left`: seconds that calls which take too long may cost in this batch
local began, over -- when the call was first looked at; whether it was told to end

local function look()
    local now = clock()
    if not began then
        began = now
    elseif now - began > (left > 0.02 and left / 2 or 0.01) then
        over = true
        error(OVER, 0)
    end
    turns = TURNS
end

-- What a watched script calls in each turn of a loop, and at the beginning of each function.
local function turn()
    turns = turns - 1
    if turns < 0 then look() end
end

-- a batch --------------------------------------------------------------------------------------------------------

local call -- the name of the function
local by_five = false -- it takes metadata, too
local time_as_table = false
local drops = false -- what fails
local full = false -- whether what is written says of each record which event it is from, and its metadata

local function put_record(seconds, ns, index, record, metadata)
    if not full then
        put(0x92)
        put_time(seconds, ns)
        return put_fields(record)
    end
    put(0x94)
    put_time(seconds, ns)
    put_fields(record)
    put_int(index)
    if type(metadata) == "table" and not length_of(metadata) then
        put_map(metadata, 1)
    else
        put(0xc0)
    end
end

-- What the function makes of an event is written. Returns how many records that are, or nil and the code if the event
-- stays as it is.
local function filter(tag, index, seconds, ns, record, metadata, group)
    local code, time, made, about
    time = time_as_table and { sec = seconds, nsec = ns } or seconds + ns / GIGA
    if by_five then
        code, time, about, made = globals[call](tag, time, group, metadata, record)
    else
        code, time, made = globals[call](tag, time, record)
    end
    code = small(code)
    if code == -1 then return 0 end
    if code ~= 1 and code ~= 2 then return nil, code end
    if time_as_table then
        if type(time) ~= "table" then
            error("with time_as_table on, the time has to be a table with sec and nsec", 0)
        end
        if code == 1 then seconds, ns = whole(time.sec), whole(time.nsec) end
    elseif code == 1 then
        if type(time) == "string" then time = tonumber(time) end
        if type(time) ~= "number" then time = 0 end
        seconds = whole(time)
        ns = whole((time - seconds) * GIGA)
    end
    if type(made) ~= "table" then
        error("it returned no table for the record, but " .. (made == nil and "nil" or "a " .. type(made)), 0)
    end
    local n = length_of(made)
    if n ~= 0 and not (seconds >= 0 and seconds < TWO_32 and ns >= 0 and ns < GIGA) then
        error("it returned a time that is out of range: " .. seconds .. " seconds and " .. ns .. " nanoseconds", 0)
    end
    if not n then
        put_record(seconds, ns, index, made, about)
        return 1
    end
    local several = type(about) == "table" and length_of(about)
    for place = 1, n do
        local one = rawget(made, place)
        if type(one) ~= "table" or length_of(one) then
            error("it returned a list, of which number " .. place .. " is no record", 0)
        end
        local its = about
        if several == n then
            its = rawget(about, place)
            if type(its) ~= "table" or length_of(its) then its = {} end
        end
        put_record(seconds, ns, index, one, its)
    end
    return n
end

-- What pcall caught, as text.
local function words(why)
    return (type(why) == "string" or type(why) == "number") and tostring(why) or "an error that is a " .. type(why)
end

-- Packed [time, record] or [time, record, metadata, group] of each event -> packed [time, record] of each record, or
-- with `all` [time, record, number of the event, metadata or nil]; for an event that stays as it is its number alone.
-- Then how many stay; and what went wrong: how many failed, and why; how many took too long or had no time left; how
-- many came with another code, and which. `seconds`: see `left`.
local function run(tag, packed, seconds, all)
    local from, at, count = opened(packed), 0, byte(opened(packed), 0)
    if count == 0xdd then
        count, at = read_32(from, 1), 5
    elseif count == 0xdc then
        count, at = read_16(from, 1), 3
    else
        count, at = count - 0x90, 1
    end
    local place, made, stay, failed, why, slow, odd, odd_code = hole(), 0, 0, 0, nil, 0, 0, nil
    full, left = all, seconds
    for index = 0, count - 1 do
        local parts, sec, ns, record, metadata, group = byte(from, at)
        begin(rawget(globals, "flb_null"))
        sec, ns, at = read_time(from, at + 1)
        record, at = read_record(from, at)
        if parts == 0x94 then
            metadata, at = read(from, at)
            group, at = read(from, at)
            if not next(group) then group = {} end
        end
        local mark, fine, n, code = here(), false, unfit(), nil
        began, over = nil, left <= 0
        if not over and not n then
            turns = TURNS
            fine, n, code = pcall(filter, tag, index, sec, ns, record, metadata, group)
            turns = huge
            if over then left = left - (clock() - began) end
        end
        if fine and n then
            made = made + n
        else
            if over then
                slow = slow + 1
            elseif not fine then
                failed, why = failed + 1, why or words(n)
            elseif code ~= 0 then
                odd, odd_code = odd + 1, code
            end
            back(mark)
            if not drops or (fine and not over) then
                put_int(index)
                made, stay = made + 1, stay + 1
            end
        end
    end
    fill(place, 0xdd, made)
    pcall(flush, stdout)
    return written(), stay, failed, why, slow, odd, odd_code
end

-- how it begins --------------------------------------------------------------------------------------------------

-- The number of parameters, as far as it can be told. Lua 5.1 shows it in what it has compiled only.
local function parameters(f)
    local known = information(f, "u").nparams
    if known then return known end
    local fine, code = pcall(dump, f)
    if not fine then return 0 end
    local longs = text_byte(code, 9) -- of size_t, which the length of the name is
    local length = 0
    for place = longs, 1, -1 do length = length * 256 + text_byte(code, 12 + place) end
    return text_byte(code, 12 + longs + length + 2 * text_byte(code, 8) + 2)
end

-- Whether a script compiles: nothing, or why not.
local function mistake(script, name) return select(2, loadstring(script, name)) end

-- Runs a script, with packed options. Returns the option that is wrong and why, or nil for both, and whether the function
-- takes metadata.
local function start(script, name, packed)
    begin(nil)
    local options = read(opened(packed), 0)
    call, time_as_table, drops = options.call, options.time_as_table, options.drops
    values.convert(options.type_int_key, options.type_array_key)
    if options.flb_null then globals.flb_null = values.NULL end
    globals.FLB_ENV = setmetatable(options.env, nil)
    local chunk, why = loadstring(script, name)
    if not chunk then return "script", why, false end
    began, over, left, turns = nil, false, 2 * options.seconds, TURNS
    local fine
    rawset(globals, "__pyrolens_turn", turn)
    fine, why = pcall(chunk)
    turns = huge
    rawset(globals, "__pyrolens_turn", nil)
    if over then return "script", "it did not come to its end", false end
    if not fine then return "script", words(why), false end
    local f = globals[call]
    if type(f) ~= "function" then return "call", "the script has no function " .. call, false end
    by_five = parameters(f) >= 5
    return nil, nil, by_five
end

-- Fluent Bit's LuaJIT has it, too.
table.unpack = table.unpack or unpack
os.exit = function() error("os.exit: no script ends the router", 2) end
python, package.loaded.python = nil, nil

return mistake, start, run
