namespace Broker.Protocol.Wire;

/// <summary>The look-up tables of reflected CRC-32 polynomials. Stateless; thread-safe.</summary>
internal static class CrcTables
{
    /// <summary>Eight tables of 256, one after the other: what each byte becomes with 0 to 7 zero bytes behind it.</summary>
    public static uint[] Slices(uint polynomial)
    {
        uint[] table = new uint[8 * 256];
        for (uint i = 0; i < 256; i++)
        {
            uint crc = i;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0);
            }
            table[i] = crc;
        }
        for (int i = 256; i < table.Length; i++)
        {
            table[i] = (table[i - 256] >> 8) ^ table[table[i - 256] & 0xff];
        }
        return table;
    }
}
