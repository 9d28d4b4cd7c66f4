-- Reading bytes from a text, and writing them to one: with the FFI of LuaJIT, and without it in Lua 5.1.

local floor, frexp, ldexp, huge = math.floor, math.frexp, math.ldexp, math.huge
local text_byte, text_char, sub, concat = string.byte, string.char, string.sub, table.concat
local pcall, loadstring, repeated = pcall, loadstring, string.rep
local has_ffi, ffi = pcall(require, "ffi")

local opened, byte, chars -- text -> what is read from; a byte of it, and some, counted from 0
local put, puts, put_double, here, back, written -- to what is written; `back` drops what was written since `here`
local hole, fill -- a head and a count of 32 bits, of which both are known later
local new_list, new_map -- an empty table with so many places, with room for so many fields

if has_ffi then
    local copy, new, text_of, new_table = ffi.copy, ffi.new, ffi.string, require("table.new")
    local SMALL, LARGE = 65536, 4194304
    local room, size, at = new("uint8_t[?]", SMALL), SMALL, 0
    local number = new("union { double value; uint8_t bytes[8]; }")
    local first, step = 7, -1
    if ffi.abi("be") then first, step = 0, 1 end

    local function grow(n)
        while at + n > size do size = size * 2 end
        local larger = new("uint8_t[?]", size)
        copy(larger, room, at)
        room = larger
    end

    function opened(text) return ffi.cast("const uint8_t *", text) end
    function byte(from, place) return from[place] end
    function chars(from, place, n) return text_of(from + place, n) end
    function new_list(n) return new_table(n, 0) end
    function new_map(n) return new_table(0, n) end
    function put(b)
        if at >= size then grow(1) end
        room[at] = b
        at = at + 1
    end
    function puts(text)
        local n = #text
        if at + n > size then grow(n) end
        copy(room + at, text, n)
        at = at + n
    end
    function put_double(value)
        number.value = value
        for place = 0, 7 do put(number.bytes[first + step * place]) end
    end
    function hole()
        if at + 5 > size then grow(5) end
        at = at + 5
        return at - 5
    end
    function fill(place, head, n)
        room[place] = head
        room[place + 1], room[place + 2] = floor(n / 16777216), floor(n / 65536) % 256
        room[place + 3], room[place + 4] = floor(n / 256) % 256, n % 256
    end
    function here() return at end
    function back(place) at = place end
    function written()
        local text = text_of(room, at)
        if size > LARGE then room, size = new("uint8_t[?]", SMALL), SMALL end
        at = 0
        return text
    end
else
    local parts, at, CHARS, makers = {}, 0, {}, {}
    for b = 0, 255 do CHARS[b] = text_char(b) end

    function opened(text) return text end
    function byte(from, place) return text_byte(from, place + 1) end
    function chars(from, place, n) return sub(from, place + 1, place + n) end
    function new_list(n)
        if n > 200 then return {} end
        makers[n] = makers[n] or loadstring("return {" .. repeated("nil,", n) .. "}")
        return makers[n]()
    end
    function new_map() return {} end
    function puts(text)
        at = at + 1
        parts[at] = text
    end
    function put(b) puts(CHARS[b]) end
    function put_double(value)
        local sign, exponent, part = 0, 2047, 0
        if value < 0 then sign, value = 128, -value end
        if value ~= value then
            part = 2 ^ 51
        elseif value < huge then
            local fraction
            fraction, exponent = frexp(value)
            exponent = exponent + 1022
            if exponent > 0 then
                part = (fraction * 2 - 1) * 2 ^ 52
            else
                exponent, part = 0, ldexp(fraction, exponent + 52)
            end
        end
        put(sign + floor(exponent / 16))
        put(exponent % 16 * 16 + floor(part / 2 ^ 48))
        for place = 5, 0, -1 do put(floor(part / 256 ^ place) % 256) end
    end
    function hole()
        at = at + 1
        return at
    end
    function fill(place, head, n)
        parts[place] = text_char(head, floor(n / 16777216), floor(n / 65536) % 256, floor(n / 256) % 256, n % 256)
    end
    function here() return at end
    function back(place) at = place end
    function written()
        local text = concat(parts, "", 1, at)
        parts, at = {}, 0
        return text
    end
end

return {
    opened = opened, byte = byte, chars = chars, put = put, puts = puts, put_double = put_double, here = here,
    back = back, written = written, hole = hole, fill = fill, new_list = new_list, new_map = new_map,
}
